"""Factories of records. SQLAlchemy stores them directly, so the rules of the API do not apply.

Each function accepts the columns that matter and generates the rest. It returns a detached record.
"""

from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy import insert

from app.extensions import db
from app.keys import key_digest
from app.models import (
    APIKey,
    Bakery,
    Dataset,
    DatasetCheck,
    DatasetDescription,
    DatasetThumbnail,
    Feedstock,
    FeedstockMetadata,
    RecipeRun,
    RecipeRunEvent,
)
from app.models.datasets import DATASETS

R = TypeVar("R")

# The columns by which runs can be ordered, and the fields of a run in a list, in wire order.
RUN_COLUMNS = [
    *("recipe_id", "bakery_id", "feedstock_id", "head_sha", "version", "started_at", "completed_at", "conclusion"),
    *("status", "is_test", "dataset_type", "dataset_public_url", "message", "id"),
    *("created_at", "updated_at", "rerun_of", "snapshot_id"),
]
RUN_FIELDS = [*RUN_COLUMNS, "external_id", "external_url", "failure", "time_problem"]
STARTED_AT = datetime(2022, 3, 3, 2, 29, 54, tzinfo=UTC)
_numbers = count(1)


def make_bakery(app: Flask, **columns: Any) -> Bakery:
    defaults = {"region": "us-central1", "name": f"bakery-{next(_numbers)}", "description": "A bakery."}
    return _store(app, Bakery(**defaults | columns))


def make_feedstock(app: Flask, **columns: Any) -> Feedstock:
    defaults = {"spec": f"pangeo-forge/example-{next(_numbers)}-feedstock", "provider": "github"}
    return _store(app, Feedstock(**defaults | columns))


def make_metadata(app: Flask, **columns: Any) -> FeedstockMetadata:
    """Metadata of a feedstock, which is new unless its id is given."""
    number = columns.pop("feedstock_id", None) or make_feedstock(app).id
    lists: dict[str, Any] = {name: [] for name in ("providers", "maintainers", "keywords", "links")}
    return _store(app, FeedstockMetadata(id=number, **{"updated_at": STARTED_AT} | lists | columns))


def make_link(app: Flask, **columns: Any) -> Dataset:
    """A dataset that no run has built. It gets a new feedstock unless its id is given."""
    number = next(_numbers)
    defaults = {"id": 1000 + number, "recipe_id": "example", "dataset_type": "zarr", "is_test": False}
    times = {"first_build": STARTED_AT, "last_build": STARTED_AT, "build_count": 0}
    columns = defaults | times | {"url": f"https://data.org/{number}.zarr"} | columns
    columns.setdefault("feedstock_id", make_feedstock(app).id)
    with app.app_context():
        db.session.execute(insert(DATASETS).values(columns))
        db.session.commit()
        return db.session.get_one(Dataset, columns["id"])


def make_run(app: Flask, **columns: Any) -> RecipeRun:
    """A run. It gets a new bakery and a new feedstock unless their ids are given."""
    if "bakery_id" not in columns:
        columns["bakery_id"] = make_bakery(app).id
    if "feedstock_id" not in columns:
        columns["feedstock_id"] = make_feedstock(app).id
    defaults = {
        "recipe_id": "example",
        "head_sha": "35d889f7c89e9f0d72353a0649ed1cd8da04826b",
        "version": "1.0",
        "started_at": STARTED_AT,
        "status": "queued",
        "is_test": False,
    }
    return _store(app, RecipeRun(**defaults | columns))


def make_event(app: Flask, run: RecipeRun, **columns: Any) -> RecipeRunEvent:
    defaults = {"at": STARTED_AT, "actor": "a test", "before": None, "after": {"status": "queued"}}
    return _store(app, RecipeRunEvent(recipe_run_id=run.id, **defaults | columns))


def make_key(app: Flask, key: str, **columns: Any) -> APIKey:
    """The record of `key`. By default the key is active and not an administrator's."""
    digest = key_digest(app.config["ENCRYPTION_SALT"], key)
    return _store(app, APIKey(**{"encrypted_key": digest, "is_active": True, "is_admin": False} | columns))


def make_description(app: Flask, **columns: Any) -> DatasetDescription:
    """The description of the dataset with that `id`, a Zarr store of one variable."""
    variable = {"dimensions": ["time"], "shape": [3], "dtype": "float32", "coordinate": False}
    variable |= dict.fromkeys(("units", "standard_name", "long_name", "chunks"))
    defaults = {"described_at": STARTED_AT, "source": "inspection", "attributes": {"title": "An example"}}
    defaults |= {"variables": {"sst": variable}, "dimensions": {"time": 3}, "engine": "zarr", "zarr_format": 2}
    return _store(app, DatasetDescription(**defaults | columns))


def make_check(app: Flask, **columns: Any) -> DatasetCheck:
    """A check of the dataset with that `dataset_id`, which was healthy."""
    results = {"reachable": {"ok": True, "sentence": "Its host answers."}}
    return _store(
        app, DatasetCheck(**{"at": STARTED_AT, "healthy": True, "seconds": 1.5, "results": results} | columns)
    )


def make_thumbnail(app: Flask, **columns: Any) -> DatasetThumbnail:
    return _store(app, DatasetThumbnail(**{"png": b"\x89PNG", "etag": "abc"} | columns))


def bakery_body(app: Flask, **fields: Any) -> dict[str, Any]:
    """A body that creates a bakery."""
    return {"region": "us-central1", "name": f"bakery-{next(_numbers)}", "description": "A bakery."} | fields


def feedstock_body(app: Flask, **fields: Any) -> dict[str, Any]:
    """A body that creates a feedstock."""
    return {"spec": f"pangeo-forge/example-{next(_numbers)}-feedstock"} | fields


def run_body(app: Flask, **fields: Any) -> dict[str, Any]:
    """A body that creates a run. Its bakery and its feedstock are created too, unless their ids are given."""
    required = {
        "recipe_id": "example",
        "bakery_id": fields["bakery_id"] if "bakery_id" in fields else make_bakery(app).id,
        "feedstock_id": fields["feedstock_id"] if "feedstock_id" in fields else make_feedstock(app).id,
        "head_sha": "35d889f7c89e9f0d72353a0649ed1cd8da04826b",
        "version": "1.0",
        "started_at": "2022-03-03T02:29:54Z",
    }
    return required | fields


# The function that creates a record of each resource, and the one that returns a body for POST, by its path.
MAKE = {"bakeries": make_bakery, "feedstocks": make_feedstock, "recipe_runs": make_run}
BODY = {"bakeries": bakery_body, "feedstocks": feedstock_body, "recipe_runs": run_body}


def _store(app: Flask, record: R) -> R:
    with app.app_context():
        db.session.add(record)
        db.session.commit()
    return record
