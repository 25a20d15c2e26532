"""Checks of what the migrations have created: tables, triggers with their functions, sequences, counts."""

import re
from functools import cache
from pathlib import Path

from sqlalchemy import inspect

from app.extensions import MIGRATIONS, db
from app.models.recipe_runs import UNEXPLAINED
from app.ops.doctor.diagnosis import DiagnosisError, is_postgresql, listed, rows

# The triggers of SQLite, from migrations 0013, 0015, 0017, 0021, 0022, 0025 and 0031. Those of PostgreSQL are in the
# files of `_definitions`.
EVENTS = ("insert", "update", "delete")
NOTED = ("feedstock_metadata", "dataset_description")
SQLITE_TRIGGERS = {
    *("audit_no_DELETE", "audit_no_UPDATE", "audit_no_replace"),
    *("reciperun_count_delete", "reciperun_count_insert", "reciperun_count_update"),
    *("reciperun_readable_times_insert", "reciperun_readable_times_update"),
    *("reciperun_dataset_delete", "reciperun_dataset_insert", "reciperun_dataset_update"),
    *(f"reciperun_failures_{event}" for event in EVENTS),
    *("reciperun_sums_delete", "reciperun_sums_insert", "reciperun_sums_update"),
    *("dataset_search_insert", "dataset_search_update", "feedstock_search_update"),
    *(f"{table}_search_{event}" for table in NOTED for event in EVENTS),
    *(f"dataset_search_index_{event}" for event in EVENTS),
}
SCHEMAS = """
    SELECT nspname, string_agg(relname, ', ' ORDER BY relname) FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid IN (SELECT to_regclass(quote_ident(name)) FROM unnest(:names) AS name) GROUP BY 1 ORDER BY 1
"""
COPIES = """
    SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname = 'alembic_version' AND relkind = 'r' AND nspname <> :schema ORDER BY 1
"""
FUNCTIONS = """
    SELECT proname, prosrc, prosecdef, has_function_privilege('public', oid, 'EXECUTE') FROM pg_proc
    WHERE pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('reciperun'))
"""
TRIGGERS = """
    SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('reciperun'))
    AND NOT tgisinternal AND tgenabled IN ('O', 'A') AND pronamespace = relnamespace
"""
# Null for a sequence that has not given a number yet, or that the role may not read, which `rights` reports.
LAST_ID = """
    SELECT sequence::text, last, last IS NULL AND readable, (SELECT coalesce(max(id), 0) FROM {table}) FROM (
        SELECT sequence, readable, CASE WHEN readable THEN pg_sequence_last_value(sequence) END AS last FROM (
            SELECT sequence, has_sequence_privilege(sequence, 'SELECT') AS readable
            FROM (SELECT pg_get_serial_sequence('{table}', 'id')::regclass AS sequence) AS one
        ) AS two
    ) AS three
"""
UNCOUNTED = """
    SELECT (SELECT count(*) FROM reciperun), (SELECT coalesce(sum(runs), 0) FROM reciperun_count WHERE slice = 'all')
"""


def schema() -> str:
    """Check that all tables and columns exist, on PostgreSQL in one schema."""
    inspector = inspect(db.session.connection())
    missing = [table for table in db.metadata.tables if not inspector.has_table(table)]
    for name, table in db.metadata.tables.items():
        if name not in missing:
            columns = {column["name"] for column in inspector.get_columns(name)}
            missing += [f"{name}.{column.name}" for column in table.columns if column.name not in columns]
    if missing:
        raise DiagnosisError(
            f"The database lacks {listed(missing)}. Restore a backup, and compare with `flask db check`."
        )
    return _one_schema() if is_postgresql() else "All tables and columns are there."


def _one_schema() -> str:
    found = rows(SCHEMAS, names=[*db.metadata.tables, "alembic_version"])
    if len(found) > 1:
        places = "; ".join(f"{name} has {tables}" for name, tables in found)
        raise DiagnosisError(
            f"The tables are in several schemas: {places}. Move them into one with `ALTER TABLE … SET SCHEMA …`."
        )
    [(name, _)] = found
    copies = [copy for (copy,) in rows(COPIES, schema=name)]
    return f"All tables are in the schema {name}." + (f" Other copies are in {listed(copies)}." if copies else "")


def triggers() -> str:
    """Check that all triggers exist and fire, and that their functions are those of this release."""
    if not is_postgresql():
        found = {name for (name,) in rows("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
        if missing := SQLITE_TRIGGERS - found:
            raise DiagnosisError(
                f"The triggers {listed([*missing])} are missing. Run `flask runs recount`, then `flask export`, and "
                f"import the export into a new database."
            )
        return "All triggers are there."
    if faults := [*_faulty_triggers(), *_faulty_functions()]:
        files = " ".join(f"-f {file.relative_to(MIGRATIONS.parent)}" for file in _definitions())
        raise DiagnosisError(
            f'{"; ".join(faults)}. Run `psql {files} "$DATABASE_URL"` as the owner of the tables, and then `flask '
            f"runs recount`."
        )
    [(role,)] = rows("SELECT current_setting('session_replication_role')")
    if role == "replica":
        raise DiagnosisError(
            "No trigger fires, because session_replication_role is replica. Run `ALTER ROLE … RESET "
            "session_replication_role`, and then `flask runs recount`."
        )
    return "All triggers are there, and their functions are those of this release."


def _faulty_triggers() -> list[str]:
    expected = re.findall(r"^        \('(\w+)', '\w+',", _definition_texts(), re.MULTILINE)
    firing = {name for (name,) in rows(TRIGGERS)}
    missing = [name for name in expected if name not in firing]
    return [f"The triggers {listed(missing)} are missing or disabled"] if missing else []


def _faulty_functions() -> list[str]:
    found = {name: (body, definer, public) for name, body, definer, public in rows(FUNCTIONS)}
    expected = _functions()
    changed = [name for name, code in expected.items() if found.get(name, ())[:2] != code]
    public = [name for name, (_, definer) in expected.items() if definer and name in found and found[name][2]]
    faults = [f"The functions {listed(changed)} are missing or not those of this release"] if changed else []
    return faults + ([f"Every role may execute the functions {listed(public)}"] if public else [])


@cache
def _functions() -> dict[str, tuple[str, bool]]:
    """The body of each function of this release, and whether it runs with the rights of its owner."""
    pattern = r"^CREATE OR REPLACE FUNCTION (\w+)\(.*?\n(.*?) AS\s+?\$\$(.*?)\$\$;"
    found = re.findall(pattern, _definition_texts(), re.MULTILINE | re.DOTALL)
    return {name: (body, "SECURITY DEFINER" in options) for name, options, body in found}


def _definition_texts() -> str:
    return "".join(file.read_text("utf-8") for file in _definitions())


def _definitions() -> list[Path]:
    """The files with all triggers and functions of PostgreSQL, oldest first."""
    return sorted(MIGRATIONS.glob("versions/*.sql"))


def sequences() -> str:
    """Check that no sequence would give out an id that a row has already. SQLite looks at the rows itself."""
    if not is_postgresql():
        return "SQLite assigns ids above those of all rows."
    for table in [table.name for table in db.metadata.sorted_tables if table.autoincrement_column is not None]:
        [(sequence, last, unused, highest)] = rows(LAST_ID.format(table=table))
        if sequence is None:
            raise DiagnosisError(
                f"The column {table}.id has no sequence, so no record can be created. Restore a complete backup."
            )
        if highest and (unused or (last is not None and last < highest)):
            raise DiagnosisError(
                f"The sequence {sequence} is behind the ids of {table}, so new records would be refused. Run `SELECT "
                f"setval('{sequence}', {highest})`."
            )
    return "All sequences are ahead of the ids."


def counts() -> str:
    """Check the total of the counts of runs. `flask runs recount` checks all of them."""
    [(runs, counted)] = rows(UNCOUNTED)
    if runs != counted:
        raise DiagnosisError(f"There are {runs} runs, but the counts say {counted}. Run `flask runs recount`.")
    return f"The counts of runs add up to {runs}."


def failures() -> str:
    """Say how many failed runs are not explained: those of earlier releases and of other programs."""
    [(number,)] = rows(f"SELECT count(*) FROM reciperun WHERE {UNEXPLAINED}")
    if number:
        return f"The number of failed runs that are not explained is {number}. `flask runs explain` explains them."
    return "All failed runs are explained."
