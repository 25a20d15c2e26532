"""no timestamp of a run that cannot be read, whoever writes it

Migration 0006 mends what the original had stored. It may go on writing, and one run that started in the year 10000
would break every list. Triggers now move such times to the nearest that can be read, as 0006 did; what other runs pay
is the comparison.

SQLite keeps any text as a time. There a time is outside if it is written as ISO 8601 or PostgreSQL would write it:
`-0043-03-15`, `0044-03-15 BC`, `+10000-01-01`, `10000-01-01`, `infinity`. What is no time at all PostgreSQL refuses,
and SQLite keeps, as in any column. SQLite loses the triggers with the table, as those of 0013.
"""

from alembic import op

revision = "0017_readable_times"
down_revision = "0016_datasets"
branch_labels = None
depends_on = None

FIRST, LAST = "'0001-01-01 00:00:00.000000'", "'9999-12-31 23:59:59.999999'"

# When a time is before the first that can be read, and when after the last.
OUTSIDE = {
    "postgresql": (f"{{time}} < {FIRST}", f"{{time}} > {LAST}"),
    "sqlite": (
        "{time} GLOB '-*' OR {time} GLOB '0000-*' OR {time} GLOB '* BC'",
        "{time} GLOB '+*' OR {time} GLOB '[0-9][0-9][0-9][0-9][0-9]*-*-*' OR {time} = 'infinity'",
    ),
}
UNREADABLE = "{early} OR {late}"
# Not greatest() and least(): null has to stay null.
NEAREST = f"CASE WHEN {{early}} THEN {FIRST} WHEN {{late}} THEN {LAST} ELSE {{time}} END"

FUNCTION = """
CREATE FUNCTION reciperun_readable_times() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.started_at = {started_at};
    NEW.completed_at = {completed_at};
    RETURN NEW;
END $$
"""
TRIGGER = """
CREATE TRIGGER reciperun_readable_times BEFORE INSERT OR UPDATE OF started_at, completed_at ON reciperun
FOR EACH ROW WHEN ({unreadable}) EXECUTE FUNCTION reciperun_readable_times()
"""
# A trigger of SQLite cannot change the row before it is stored.
SQLITE_EVENTS = {"insert": "INSERT", "update": "UPDATE OF started_at, completed_at"}
SQLITE_TRIGGER = """
CREATE TRIGGER reciperun_readable_times_{name} AFTER {event} ON reciperun WHEN {unreadable} BEGIN
    UPDATE reciperun SET started_at = {started_at}, completed_at = {completed_at} WHERE id = NEW.id;
END
"""


def upgrade() -> None:
    nearest = {name: of_time(NEAREST, f"NEW.{name}") for name in ("started_at", "completed_at")}
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FUNCTION.format(**nearest))
        op.execute(TRIGGER.format(unreadable=unreadable("NEW.")))
    else:
        for name, event in SQLITE_EVENTS.items():
            op.execute(SQLITE_TRIGGER.format(name=name, event=event, unreadable=unreadable("NEW."), **nearest))
    # What came since 0006: the triggers mend it.
    op.execute(f"UPDATE reciperun SET started_at = started_at WHERE {unreadable()}")


def unreadable(row: str = "") -> str:
    """Whether a time of the row is outside."""
    return f"{of_time(UNREADABLE, f'{row}started_at')} OR {of_time(UNREADABLE, f'{row}completed_at')}"


def of_time(template: str, time: str) -> str:
    early, late = (outside.format(time=time) for outside in OUTSIDE[op.get_bind().dialect.name])
    return template.format(early=early, late=late, time=time)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER reciperun_readable_times ON reciperun")
        op.execute("DROP FUNCTION reciperun_readable_times()")
    else:
        for name in SQLITE_EVENTS:
            op.execute(f"DROP TRIGGER reciperun_readable_times_{name}")
