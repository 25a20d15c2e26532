"""Checks of what the role of the service may do, on PostgreSQL."""

from itertools import groupby

from flask import current_app

from app.extensions import db
from app.ops.doctor.diagnosis import DiagnosisError, is_postgresql, listed, rows

# The rights that the statements of the service and of its commands need, and those that differ.
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
OTHER_RIGHTS = {"alembic_version": ("SELECT",), "audit": ("SELECT", "INSERT"), "reciperun_event": ("SELECT", "INSERT")}
MISSING_RIGHTS = """
    SELECT place, needed FROM unnest(:places, :needed) AS need (place, needed)
    WHERE NOT has_table_privilege(to_regclass(quote_ident(place)), needed) ORDER BY place, needed
"""
MISSING_SEQUENCES = """
    SELECT sequence FROM (
        SELECT pg_get_serial_sequence(quote_ident(name), 'id') AS sequence FROM unnest(:names) AS name
    ) AS found WHERE NOT has_sequence_privilege(sequence, 'USAGE') ORDER BY 1
"""
# Tables and functions that the migrations may have to change.
FOREIGN = """
    SELECT pg_get_userbyid(owner), string_agg(name, ', ' ORDER BY name) FROM (
        SELECT oid::regclass::text AS name, relowner AS owner FROM pg_class
        WHERE oid IN (SELECT to_regclass(quote_ident(name)) FROM unnest(:names) AS name)
        UNION
        SELECT tgfoid::regprocedure::text, proowner FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE tgrelid IN (to_regclass('reciperun'), to_regclass('audit')) AND NOT tgisinternal
    ) AS owned WHERE NOT pg_has_role(:role, owner, 'USAGE') GROUP BY 1 ORDER BY 1
"""
OWNERS = """
    SELECT DISTINCT tgrelid::regclass::text, pg_get_userbyid(relowner), pg_get_userbyid(proowner) FROM pg_trigger
    JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE tgrelid = to_regclass('reciperun') AND prosecdef AND proowner <> relowner
"""


def ownership() -> str:
    """Check that the role which migrates owns what the migrations change."""
    if not is_postgresql():
        return "SQLite has no owners."
    for table, owner, other in rows(OWNERS):
        raise DiagnosisError(
            f"The table {table} belongs to {owner}, but its functions to {other}, so no run can be written. Run `ALTER "
            f"FUNCTION … OWNER TO {owner}`."
        )
    migrator = current_app.config["MIGRATION_DATABASE_URI"] or db.engine.url
    [(role,)] = rows("SELECT coalesce(:name, current_user)", name=migrator.username)
    foreign = rows(FOREIGN, names=_tables(), role=role)
    if foreign:
        owners = "; ".join(f"{owner} owns {names}" for owner, names in foreign)
        raise DiagnosisError(
            f"The role {role} could not migrate the database, because it is no member of the owners: {owners}. Give "
            f"them to it with `REASSIGN OWNED` or `ALTER … OWNER TO`, or set MIGRATION_DATABASE_URL to a URL of the "
            f"owner."
        )
    return f"The role {role} may migrate the database."


def rights() -> str:
    """Check the rights that the statements of the service need."""
    if not is_postgresql():
        return "SQLite has no roles."
    needs = [(table, right) for table in _tables() for right in OTHER_RIGHTS.get(table, RIGHTS)]
    places, needed = zip(*needs, strict=True)
    missing = rows(MISSING_RIGHTS, places=[*places], needed=[*needed])
    grants = [
        f"{', '.join(right for _, right in group)} ON {table}"
        for table, group in groupby(missing, key=lambda row: row[0])
    ]
    if behind := [sequence for (sequence,) in rows(MISSING_SEQUENCES, names=_tables_with_ids())]:
        grants.append(f"USAGE ON SEQUENCE {listed(behind)}")
    if grants:
        [(role,)] = rows("SELECT quote_ident(current_user)")
        commands = "; ".join(f"GRANT {grant} TO {role}" for grant in grants)
        raise DiagnosisError(f"The role {role} lacks rights. Run as the owner: `{commands}`.")
    return "The role has all rights that the service needs."


def _tables() -> list[str]:
    return [*db.metadata.tables, "alembic_version"]


def _tables_with_ids() -> list[str]:
    return [table.name for table in db.metadata.sorted_tables if table.autoincrement_column is not None]
