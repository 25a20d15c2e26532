"""Links to datasets that no run of ours has built, and the fields that people may change of any dataset."""

from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import Conflict

from app.database.columns import now
from app.errors import Invalid
from app.extensions import db
from app.models import Dataset, DatasetEvent, Feedstock, RecipeRun
from app.models.datasets import DATASETS, same_key
from app.services import datasets, records
from app.services.archive import sequences

# What people may change, and the attributes that have it. A dataset without a title shows that of its feedstock.
CONTENT = {"url": "url", "title": "own_title", "description": "own_description"}
OPTIONAL: dict[str, Any] = {"is_test": False, "dataset_type": None, "title": None, "description": None}


def add_link(values: dict[str, Any]) -> tuple[int, bool]:
    """Add a link and return its id, and True; or the id of the dataset with the same content, and False.

    A link that was withdrawn is used again. Raises 409 if another dataset has the same feedstock, recipe, type and
    kind, 422 if there is no such feedstock.
    """
    values = OPTIONAL | values
    if db.session.get(Feedstock, values["feedstock_id"]) is None:
        raise Invalid.at("body", "feedstock_id", f"{Feedstock.noun} {values['feedstock_id']} not found")
    existing = lock_same(values)
    if existing is None:
        try:
            with db.session.begin_nested():
                return _store(values), True
        except IntegrityError:
            existing = lock_same(values)
    if existing is None:
        raise Conflict(records.CONFLICT)
    if existing.withdrawn_at and not existing.build_count:
        change(existing, {name: values[name] for name in CONTENT} | {"withdrawn_at": None})
        return existing.id, True
    if any(getattr(existing, CONTENT[name]) != values[name] for name in CONTENT):
        raise Conflict(f"dataset {existing.id} already has this feedstock, recipe, dataset type and kind.")
    return existing.id, False


def lock(number: int) -> Dataset:
    """Return the dataset that `datasets.resolve` finds, locked until the transaction ends. Raises 404."""
    return _locked(datasets.resolve(number))


def change(dataset: Dataset, values: dict[str, Any]) -> bool:
    """Set `values`, and return whether they changed anything.

    Raises 409 if the url of a dataset changes that runs have built, because it follows from them, or that is withdrawn
    and stays so.
    """
    changed = {name: value for name, value in values.items() if getattr(dataset, CONTENT.get(name, name)) != value}
    if dataset.build_count and "url" in changed:
        raise Conflict(f"dataset {dataset.id} was built by recipe run {dataset.run_id}; change the url of that run.")
    if dataset.withdrawn_at and "url" in changed and "withdrawn_at" not in changed:
        raise Conflict(f"dataset {dataset.id} is withdrawn; POST /datasets/ lists it again, also with another url.")
    if not changed:
        return False
    db.session.execute(update(DATASETS).where(DATASETS.c.id == dataset.id).values(changed))
    if changed.keys() & {"url", "withdrawn_at"}:
        withdrawn = changed.get("withdrawn_at") is not None
        _note(dataset.id, None if withdrawn else changed.get("url", dataset.url), dataset.url)
    return True


def withdraw(dataset: Dataset) -> bool:
    """Withdraw a link, and return whether it was listed until now. Raises 409 if runs have built the dataset."""
    if dataset.build_count:
        raise Conflict(
            f"dataset {dataset.id} was built by recipe run {dataset.run_id} and those before it; it is "
            "withdrawn when the urls of these runs are set to null."
        )
    return not dataset.withdrawn_at and change(dataset, {"withdrawn_at": now()})


def lock_same(values: dict[str, Any]) -> Dataset | None:
    """Return the dataset with the key in `values`, locked until the transaction ends; None if there is none."""
    number = db.session.scalar(select(DATASETS.c.id).where(*same_key(values)))
    return None if number is None else _locked(number)


def _locked(dataset_id: int) -> Dataset:
    # The own row only: PostgreSQL cannot lock the side of an outer join that may be null.
    db.session.execute(select(DATASETS.c.id).where(DATASETS.c.id == dataset_id).with_for_update())
    return db.session.get_one(Dataset, dataset_id, populate_existing=True)


def _store(values: dict[str, Any]) -> int:
    time = now()
    number = sequences.next_id(db.session.connection(), RecipeRun.__table__)
    row = values | {"id": number, "first_build": time, "last_build": time, "build_count": 0}
    db.session.execute(insert(DATASETS).values(row))
    _note(number, values["url"], None)
    return number


def _note(dataset_id: int, url: str | None, replaced_url: str | None) -> None:
    event = DatasetEvent(dataset_id=dataset_id, at=now(), url=url, replaced_url=replaced_url)
    db.session.add(event)
    db.session.flush()
