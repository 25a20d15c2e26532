"""Find, create, change and delete bakeries, feedstocks and recipe runs.

The database decides: its constraints are tried, and only when one refuses is the reason looked up, so that a request
that races another gets the same answer as one that comes late.
"""

from typing import Any, TypeVar

from sqlalchemy import func, inspect, select
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import Conflict, HTTPException, NotFound

from app.errors import Invalid
from app.extensions import db
from app.models import RecipeRun
from app.models.base import Record

R = TypeVar("R", bound=Record)

INTEGER_MAX = 2**31 - 1  # the id columns


def get(model: type[R], record_id: int, *, to_write: bool = False) -> R:
    """The record with that id, or 404; `to_write` locks its row, so that writers take turns."""
    record = None
    if 0 < record_id <= INTEGER_MAX:
        record = db.session.get(model, record_id, with_for_update=to_write)
    if record is None:
        raise NotFound(f"{model.label} {record_id} not found")
    return record


def create(model: type[R], values: dict[str, Any], actor: str) -> tuple[R, bool]:
    """Add a record; the second value is False if one with the same natural key and the same content was there.

    Raises 409 if the content differs, 422 if `values` refer to something that does not exist.
    """
    record = model.start(values, actor)
    db.session.add(record)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        twin = _twin(model, values)
        if twin is None or any(getattr(twin, name) != value for name, value in values.items()):
            raise _refusal(model, values, twin) from None
        return twin, False
    return record, True


def update(record: Record, values: dict[str, Any], actor: str, reason: str | None = None) -> None:
    """Set `values`. Raises 409 and 422 as `create` does."""
    record.change(values, actor, reason)
    model = type(record)
    merged = {name: getattr(record, name) for name in {*model.natural_key, *values}}
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise _refusal(model, merged, _twin(model, merged)) from None


def delete(record: Record) -> None:
    """Delete the record. Raises 409 with their count if it has recipe runs."""
    model, record_id = type(record), record.id
    db.session.delete(record)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        column = RecipeRun.__table__.c[f"{model.__tablename__}_id"]
        count = db.session.scalar(select(func.count()).where(column == record_id))
        runs = "1 recipe run" if count == 1 else f"{count} recipe runs"
        raise Conflict(f"{model.label} {record_id} has {runs}; delete those first.") from None


def _twin(model: type[R], values: dict[str, Any]) -> R | None:
    if not model.natural_key:
        return None
    return db.session.scalar(select(model).filter_by(**{name: values[name] for name in model.natural_key}))


def _refusal(model: type[Record], values: dict[str, Any], twin: Record | None) -> HTTPException:
    """Why the database refused `values`."""
    if twin is not None:
        same = " and ".join(f"{name} {getattr(twin, name)!r}" for name in model.natural_key)
        return Conflict(f"{model.label} {twin.id} already has {same}.")
    errors = [
        {"in": "body", "pointer": f"/{name}", "detail": f"{parent.label} {values[name]} not found"}
        for name, parent in _parents(model).items()
        if name in values and db.session.get(parent, values[name]) is None
    ]
    return Invalid(errors) if errors else Conflict("Another request changed the same thing first; try again.")


def _parents(model: type[Record]) -> dict[str, type[Record]]:
    """The foreign key columns of `model` and what they refer to."""
    models = {mapper.local_table: mapper.class_ for mapper in Record.registry.mappers}
    return {column.key: models[key.column.table] for column in inspect(model).columns for key in column.foreign_keys}
