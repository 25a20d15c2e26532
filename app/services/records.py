"""Find, create, change and delete the rows that the API addresses by id.

The constraints of the database decide, and we look up the reason after a violation. So a request that races another
gets the same answer as a later request. Where the transaction must survive a violation, the statement runs in a
savepoint; elsewhere a violation rolls back the transaction.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, TypeVar

from sqlalchemy import func, inspect, select, tuple_
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

CONFLICT = "Another request changed the same thing first; try again."


def get(model: type[R], record_id: int, *, to_write: bool = False) -> R:
    """The record with that id. Raises 404 if there is none. `to_write` locks its row until the transaction ends."""
    record = None
    if 0 < record_id <= INTEGER_MAX:
        record = db.session.get(model, record_id, with_for_update=to_write)
    if record is None:
        raise NotFound(f"{model.noun} {record_id} not found")
    return record


def create(model: type[R], values: dict[str, Any], actor: str) -> tuple[Any, bool]:
    """Add a record and return it, and True; or a record that already has the same content and natural key, and False.

    Raises 409 if only the natural key is the same or another record has the `optional_key`, 422 if `values` refer to a
    record that does not exist.
    """
    new = model.new_columns(values, actor)
    guarded = bool(model.natural_key) or _optional_key(model, values) is not None
    # An insert that the database refuses would use up an id, so a repeated creation does not insert.
    existing = _with_same_key(model, values)
    if existing is None:
        try:
            with db.session.begin_nested() if guarded else nullcontext():
                return _store(model, [new], [values], actor)[0], True
        except IntegrityError:
            if not guarded:
                db.session.rollback()
            existing = _with_same_key(model, values)
    content = values.keys() - set(model.natural_key)
    if existing is None or any(getattr(existing, name) != values[name] for name in content):
        raise _explain(model, values, existing)
    return existing, False


def create_many(model: type[R], items: list[dict[str, Any]], actor: str, field: str) -> list[Any]:
    """Add a record for each of `items`, or none. The model must not have a natural key.

    Raises 422 with all errors of all items. `field` is the name of the list in the request.
    """
    new, errors = _validate(model, items, actor)
    if not any(errors):
        try:
            batches = zip(in_batches(new), in_batches(items), strict=True)
            return [row for batch, given in batches for row in _store(model, batch, given, actor)]
        except IntegrityError:
            db.session.rollback()  # the reasons are looked up below, for all records at once
    errors = [own + missing for own, missing in zip(errors, _missing_references(model, items), strict=True)]
    raise Invalid.in_list(field, errors) if any(errors) else _conflict_of_many(model, items, field)


def _conflict_of_many(model: type[Record], items: list[dict[str, Any]], field: str) -> Conflict:
    """The error that names the first of `items` whose `optional_key` a record or an earlier item has."""
    places: dict[tuple[Any, ...], int] = {}
    for index, values in enumerate(items):
        if key := _optional_key(model, values):
            same = places.setdefault(tuple(key.values()), index)
            if same != index:
                return Conflict(f"{field}/{same} and {field}/{index} have the same {' and '.join(key)}.")
    columns = [getattr(model, name) for name in model.optional_key]
    owners = db.session.scalars(select(model).where(tuple_(*columns).in_(list(places)))).all() if places else ()
    found = {places[tuple(getattr(owner, name) for name in model.optional_key)]: owner for owner in owners}
    if not found:
        return Conflict(CONFLICT)
    first = min(found)
    return Conflict(f"{field}/{first}: {_taken(found[first], model.optional_key).description}")


def update(record: Record, values: dict[str, Any], actor: str, reason: str | None = None) -> bool:
    """Set `values`, and return whether they changed anything. Raises 409 and 422 as `create` does."""
    model = type(record)
    merged = {name: getattr(record, name) for name in model.natural_key + model.optional_key} | values
    try:
        with db.session.begin_nested():
            record.change(values, actor, reason)
            return db.session.is_modified(record)
    except IntegrityError:
        raise _explain(model, merged, _with_same_key(model, merged)) from None


def delete(record: Record) -> None:
    """Delete the record. Raises 409 with the count of the records that refer to it, if there are any."""
    model, record_id = type(record), record.id
    try:
        with db.session.begin_nested():
            db.session.delete(record)
    except IntegrityError:
        references = " and ".join(_count_references(model, record_id))
        if not references:
            raise Conflict(CONFLICT) from None
        raise Conflict(f"{model.noun} {record_id} has {references}; delete those first.") from None


def _count_references(model: type[Record], record_id: int) -> Iterator[str]:
    """Yield the number and noun of each table's rows that refer to the record, unless it has an ON DELETE action."""
    models = _models()
    for table in db.metadata.sorted_tables:
        for key in table.foreign_keys:
            if key.column.table is not model.__table__ or key.ondelete:
                continue
            count = db.session.scalar(select(func.count()).select_from(table).where(key.parent == record_id))
            if count:
                noun = models[table].noun if table in models else f"{table.name} row"
                yield f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _store(model: type[Record], new: list[dict[str, Any]], given: list[dict[str, Any]], actor: str) -> list[Any]:
    """Insert records, all with the same columns, and their first events. The ORM would double the time.

    `given` are the values of the request, from which `new` was created.
    """
    rows = insert(model, new, returning=True)
    events = (model.first_event(row, values, actor) for row, values in zip(rows, given, strict=True))
    if found := [event for event in events if event]:
        insert(RecipeRunEvent, found)
    return rows


def _with_same_key(model: type[R], values: dict[str, Any]) -> R | None:
    if not model.natural_key:
        return None
    return db.session.scalar(select(model).where(*model.has_key(values)))


def _explain(model: type[Record], values: dict[str, Any], existing: Record | None) -> HTTPException:
    """The error that says why the database refused `values`. `existing` is the record with the same natural key."""
    if existing is not None:
        return _taken(existing, model.natural_key)
    (errors,) = _missing_references(model, [values])
    return Invalid(errors) if errors else _find_taken(model, values) or Conflict(CONFLICT)


def _find_taken(model: type[Record], values: dict[str, Any]) -> Conflict | None:
    """The error that names the record which has the `optional_key` in `values`; None if there is none."""
    key = _optional_key(model, values)
    owner = db.session.scalar(select(model).filter_by(**key)) if key else None
    return owner and _taken(owner, model.optional_key)


def _taken(owner: Record, key: tuple[str, ...]) -> Conflict:
    same = " and ".join(f"{name} {getattr(owner, name)!r}" for name in key)
    return Conflict(f"{owner.noun} {owner.id} already has {same}.")


def _optional_key(model: type[Record], values: dict[str, Any]) -> dict[str, Any] | None:
    """The values of the `optional_key`; None if one is missing."""
    key = {name: values.get(name) for name in model.optional_key}
    return key if key and None not in key.values() else None


def _validate(
    model: type[Record], items: list[dict[str, Any]], actor: str
) -> tuple[list[dict[str, Any]], list[list[dict[str, str]]]]:
    """The columns of the new records, and for each of `items` the errors that the rules of the model find."""
    records, errors = [], []
    for values in paced(items):
        found: list[dict[str, str]] = []
        try:
            records.append(model.new_columns(values, actor))
        except Invalid as error:
            found = error.errors
        errors.append(found)
    return records, errors


def _missing_references(model: type[Record], items: list[dict[str, Any]]) -> list[list[dict[str, str]]]:
    """For each of `items`, an error for every field that refers to a record that does not exist."""
    errors: list[list[dict[str, str]]] = [[] for _ in items]
    for name, parent in _parents(model).items():
        ids = {values.get(name) for values in items} - {None}
        missing = ids - set(db.session.scalars(select(parent.id).where(parent.id.in_(ids))))
        for values, found in zip(items, errors, strict=True):
            if values.get(name) in missing:
                found.append({"in": "body", "pointer": f"/{name}", "detail": f"{parent.noun} {values[name]} not found"})
    return errors


def _parents(model: type[Record]) -> dict[str, type[Record]]:
    """The models that `model` refers to, by the names of its foreign key columns."""
    models = _models()
    return {column.key: models[key.column.table] for column in inspect(model).columns for key in column.foreign_keys}


def _models() -> dict[Any, type[Record]]:
    """The models of records by table."""
    mappers = (mapper for mapper in Record.registry.mappers if issubclass(mapper.class_, Record))
    return {mapper.local_table: mapper.class_ for mapper in mappers}
