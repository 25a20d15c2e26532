"""Find, create, change and delete bakeries, feedstocks and recipe runs.

The database decides: its constraints are tried, and only when one refuses is the reason looked up, so that a request
that races another gets the same answer as one that comes late. Where there may be more to do after a refusal the try is
a savepoint; else a refusal ends the transaction, with whatever else it did.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, TypeVar

from sqlalchemy import func, inspect, select
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import Conflict, HTTPException, NotFound

from app.database.columns import INTEGER_MAX
from app.database.fairness import in_batches, paced
from app.database.record import Record
from app.database.statements import insert
from app.errors import Invalid
from app.extensions import db
from app.models import RecipeRunEvent

R = TypeVar("R", bound=Record)

RACED = "Another request changed the same thing first; try again."


def get(model: type[R], record_id: int, *, to_write: bool = False) -> R:
    """The record with that id, or 404; `to_write` locks its row, so that writers take turns."""
    record = None
    if 0 < record_id <= INTEGER_MAX:
        record = db.session.get(model, record_id, with_for_update=to_write)
    if record is None:
        raise NotFound(f"{model.noun} {record_id} not found")
    return record


def create(model: type[R], values: dict[str, Any], actor: str) -> tuple[Any, bool]:
    """Add a record; the second value is False if one with the same natural key and the same content was there.

    Raises 409 if the content differs, 422 if `values` refer to something that does not exist.
    """
    new = model.start(values, actor)
    try:
        with db.session.begin_nested() if model.natural_key else nullcontext():
            return _store(model, [new], actor)[0], True
    except IntegrityError:
        if not model.natural_key:
            db.session.rollback()
        twin = _twin(model, values)
        if twin is None or any(getattr(twin, name) != value for name, value in values.items()):
            raise _refusal(model, values, twin) from None
        return twin, False


def create_many(model: type[R], items: list[dict[str, Any]], actor: str, member: str) -> list[Any]:
    """Add a record for each of `items`, all or none; for models without a natural key.

    Raises 422 with everything that is wrong in any of them. `member` is what the request calls the list.
    """
    new, errors = _started(model, items, actor)
    if not any(errors):
        try:
            return [row for batch in in_batches(new) for row in _store(model, batch, actor)]
        except IntegrityError:
            db.session.rollback()  # what is wrong is said below, for every record at once
    errors = [wrong + dangling for wrong, dangling in zip(errors, _dangling(model, items), strict=True)]
    raise Invalid.in_list(member, errors) if any(errors) else Conflict(RACED)


def update(record: Record, values: dict[str, Any], actor: str, reason: str | None = None) -> bool:
    """Set `values`; whether that changed anything. Raises 409 and 422 as `create` does."""
    model = type(record)
    merged = {name: getattr(record, name) for name in model.natural_key} | values
    try:
        with db.session.begin_nested():
            record.change(values, actor, reason)
            return db.session.is_modified(record)
    except IntegrityError:
        raise _refusal(model, merged, _twin(model, merged)) from None


def delete(record: Record) -> None:
    """Delete the record. Raises 409 with the count of the records that refer to it, if there are any."""
    model, record_id = type(record), record.id
    try:
        with db.session.begin_nested():
            db.session.delete(record)
    except IntegrityError:
        found = " and ".join(_referring(model, record_id))
        if not found:
            raise Conflict(RACED) from None
        raise Conflict(f"{model.noun} {record_id} has {found}; delete those first.") from None


def _referring(model: type[Record], record_id: int) -> Iterator[str]:
    """How many rows of each table refer to the record, where the database does not settle that by itself."""
    models = _models()
    for table in db.metadata.sorted_tables:
        for key in table.foreign_keys:
            if key.column.table is not model.__table__ or key.ondelete:
                continue
            count = db.session.scalar(select(func.count()).select_from(table).where(key.parent == record_id))
            if count:
                noun = models[table].noun if table in models else f"{table.name} row"
                yield f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _store(model: type[Record], new: list[dict[str, Any]], actor: str) -> list[Any]:
    """Insert records, all with the same columns, and their first events; the ORM would take as long as the database."""
    rows = insert(model, new, returning=True)
    if events := [event for row in rows if (event := model.first_event(row, actor))]:
        insert(RecipeRunEvent, events)
    return rows


def _twin(model: type[R], values: dict[str, Any]) -> R | None:
    if not model.natural_key:
        return None
    return db.session.scalar(select(model).filter_by(**{name: values[name] for name in model.natural_key}))


def _refusal(model: type[Record], values: dict[str, Any], twin: Record | None) -> HTTPException:
    """Why the database refused `values`."""
    if twin is not None:
        same = " and ".join(f"{name} {getattr(twin, name)!r}" for name in model.natural_key)
        return Conflict(f"{model.noun} {twin.id} already has {same}.")
    (errors,) = _dangling(model, [values])
    return Invalid(errors) if errors else Conflict(RACED)


def _started(
    model: type[Record], items: list[dict[str, Any]], actor: str
) -> tuple[list[dict[str, Any]], list[list[dict[str, str]]]]:
    """The new records' columns, and for each of `items` what the model's rules find wrong in it."""
    records, errors = [], []
    for values in paced(items):
        wrong: list[dict[str, str]] = []
        try:
            records.append(model.start(values, actor))
        except Invalid as error:
            wrong = error.errors
        errors.append(wrong)
    return records, errors


def _dangling(model: type[Record], items: list[dict[str, Any]]) -> list[list[dict[str, str]]]:
    """For each of `items`, an error for every member that refers to a record that does not exist."""
    errors: list[list[dict[str, str]]] = [[] for _ in items]
    for name, parent in _parents(model).items():
        wanted = {values.get(name) for values in items} - {None}
        missing = wanted - set(db.session.scalars(select(parent.id).where(parent.id.in_(wanted))))
        for values, found in zip(items, errors, strict=True):
            if values.get(name) in missing:
                found.append({"in": "body", "pointer": f"/{name}", "detail": f"{parent.noun} {values[name]} not found"})
    return errors


def _parents(model: type[Record]) -> dict[str, type[Record]]:
    """The foreign key columns of `model` and what they refer to."""
    models = _models()
    return {column.key: models[key.column.table] for column in inspect(model).columns for key in column.foreign_keys}


def _models() -> dict[Any, type[Record]]:
    """The records' models by their tables."""
    mappers = (mapper for mapper in Record.registry.mappers if issubclass(mapper.class_, Record))
    return {mapper.local_table: mapper.class_ for mapper in mappers}
