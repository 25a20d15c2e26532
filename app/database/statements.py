"""Statements that are compiled once, and run by the driver itself, for a fifth of what a session takes for them.

A statement runs in the transaction of the session, if that has begun one. Else it stands alone, on a connection that
is back in the pool before anything is made of the rows.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha1
from typing import Any, cast

from flask import g
from sqlalchemy import Dialect, Engine, Insert, PoolProxiedConnection, ReturnsRows, bindparam
from sqlalchemy import insert as sql_insert
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Mapper
from sqlalchemy.sql.compiler import SQLCompiler

from app.database import deadline
from app.database.engine import is_read_only, without_details
from app.extensions import Base, db

Rows = list[tuple[Any, ...]]
Processor = Callable[[Any], Any]


def fetch(statement: ReturnsRows, values: Mapping[str, Any] | None = None) -> Rows:
    """The rows of a statement that is made once and for all: its parameters are named, `values` has those that vary.

    With the execution option `plan_once` PostgreSQL, too, keeps what it makes of it, and after a few times the plan as
    well: for statements of which there is but one good plan. Raises what a session raises.
    """
    engine = db.engine
    prepared = _prepare(statement, engine.dialect)
    at_work = _connection_at_work()
    connection = at_work or _check_out(engine)
    try:
        rows = _execute(engine, connection, prepared, values or {})
    finally:
        if not at_work:
            connection.close()
    return prepared.processed(rows)


def insert(model: type[Base], records: list[dict[str, Any]], *, returning: bool = False) -> list[Any]:
    """Add records, all with the same members, in the transaction of the session; the new rows, if those are wanted.

    Many are left to SQLAlchemy, which sends them together.
    """
    connection, mapper, names = db.session.connection(), model.__mapper__, tuple(records[0])
    if len(records) > 1:
        result = connection.execute(_insertion(mapper, names, returning, many=True), records)
        return list(result) if returning else []
    engine, row = connection.engine, _row(mapper)
    prepared = _prepare(_insertion(mapper, names, returning), engine.dialect)
    rows = _execute(engine, connection.connection, prepared, records[0])
    return [row(*values) for values in prepared.processed(rows)]


@contextmanager
def one_connection() -> Iterator[None]:
    """One connection for all that is fetched: others are not served sooner if each statement waits in line."""
    if _connection_at_work():
        yield
        return
    g.connection = _check_out(db.engine)
    try:
        yield
    finally:
        g.pop("connection").close()


@lru_cache(maxsize=64)
def _insertion(mapper: Mapper[Any], names: tuple[str, ...], returning: bool, *, many: bool = False) -> Insert:
    table = mapper.class_.__table__
    statement = sql_insert(table).values({name: bindparam(name) for name in names})
    if not returning:
        return statement.inline()
    return statement.returning(*table.columns, sort_by_parameter_order=many)


@cache
def _row(mapper: Mapper[Any]) -> type[tuple[Any, ...]]:
    """What SQLAlchemy's rows are: a tuple whose members have the names of the columns."""
    return namedtuple("Row", mapper.columns.keys())


@dataclass(frozen=True)
class Prepared:
    """A statement as a driver takes it, with what makes a driver's values of ours, by name, and ours of a driver's."""

    sql: str
    defaults: dict[str, Any]
    encoders: dict[str, Processor]
    decoders: dict[int, Processor]
    # What has lists among its parameters has a text for each number of values.
    expanding: SQLCompiler | None
    # What PostgreSQL is to plan once a connection: how to say so, and what to ask then.
    plan: tuple[str, str] | None

    def ready(self, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The text and all parameters, as the driver wants them."""
        if self.expanding:
            state = self.expanding.construct_expanded_state(values)
            return state.statement, _encoded({**state.parameters}, {**self.encoders, **state.processors})
        return self.sql, {**self.defaults, **_encoded({**values}, self.encoders)}

    def processed(self, rows: Rows) -> Rows:
        for number, decode in self.decoders.items():
            rows = [(*row[:number], decode(row[number]), *row[number + 1 :]) for row in rows]
        return rows


@lru_cache(maxsize=256)
def _prepare(statement: ReturnsRows, dialect: Dialect) -> Prepared:
    compiled: Any = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    binds = compiled.bind_names
    required = [bind for bind in binds if bind.required]
    state = compiled.construct_expanded_state({bind.key: [] if bind.expanding else None for bind in required})
    encoders = _processors(
        (name, bind.type.dialect_impl(dialect).bind_processor(dialect)) for bind, name in binds.items()
    )
    types = [column.type.dialect_impl(dialect) for column in statement.exported_columns]
    decoders = _processors(enumerate(kind.result_processor(dialect, None) for kind in types))
    defaults = _encoded({**state.parameters}, encoders)
    expanding = compiled if any(bind.expanding for bind in required) else None
    once = dialect.name == "postgresql" and compiled.execution_options.get("plan_once")
    plan = _plan(state.statement, [*state.parameters]) if once else None
    return Prepared(state.statement, defaults, encoders, decoders, expanding, plan)


def _plan(sql: str, names: list[str]) -> tuple[str, str]:
    """PREPARE and EXECUTE, with parameters of those names."""
    plan = f"s{sha1(sql.encode(), usedforsecurity=False).hexdigest()}"
    numbered = sql % {name: f"${number}" for number, name in enumerate(names, 1)}
    return f"PREPARE {plan} AS {numbered}", f"EXECUTE {plan} ({', '.join(f'%({name})s' for name in names)})"


def _processors(found: Iterable[tuple[Any, Processor | None]]) -> dict[Any, Processor]:
    """Those that there are: a driver takes and gives most values as they are."""
    return {key: processor for key, processor in found if processor}


def _encoded(values: dict[str, Any], encoders: Mapping[str, Processor]) -> dict[str, Any]:
    return values | {name: encode(values[name]) for name, encode in encoders.items() if name in values}


def _connection_at_work() -> PoolProxiedConnection | None:
    """That of the session, if it is in a transaction, or of `one_connection`."""
    if db.session.registry.has() and db.session().in_transaction():
        return db.session.connection().connection
    held: PoolProxiedConnection | None = g.get("connection")
    return held


def _check_out(engine: Engine) -> PoolProxiedConnection:
    dbapi: Any = engine.dialect.loaded_dbapi
    try:
        return engine.raw_connection()
    except dbapi.Error as error:
        raise DBAPIError.instance(None, None, error, dbapi.Error, dialect=engine.dialect) from error


def _execute(engine: Engine, connection: PoolProxiedConnection, prepared: Prepared, values: Mapping[str, Any]) -> Rows:
    deadline.require_time()
    dialect = engine.dialect
    dbapi: Any = dialect.loaded_dbapi
    sql, parameters = prepared.ready(values)
    try:
        if prepared.plan:
            prepare, sql = prepared.plan
            if prepare not in connection.info:
                fetch_all(connection.cursor(), prepare, None)
                connection.info[prepare] = True
        return fetch_all(connection.cursor(), sql, parameters)
    except dbapi.Error as error:
        # A column of a plan may have another type by now.
        outdated = bool(prepared.plan) and isinstance(error, dbapi.NotSupportedError)
        lost = outdated or is_read_only(error) or dialect.is_disconnect(error, connection.driver_connection, None)
        if lost:  # and the others will not be better: each is made anew at its next use
            engine.pool._invalidate(connection, error)
        if outdated:
            raise OperationalError(prepared.sql, None, error, True, True) from error
        fault = DBAPIError.instance(prepared.sql, None, error, dbapi.Error, True, lost, dialect)
        raise without_details(fault) from error


def fetch_all(cursor: DBAPICursor, sql: str, parameters: dict[str, Any] | None) -> Rows:
    try:
        cursor.execute(sql, parameters)
        return cast(Rows, cursor.fetchall()) if cursor.description else []
    finally:
        cursor.close()
