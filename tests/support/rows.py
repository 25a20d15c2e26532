"""Deletes the rows that a test has committed."""

from sqlalchemy import text

from app.extensions import db

# Triggers add rows to these tables when runs are deleted.
COUNTS = ("reciperun_count", "reciperun_count_period", "reciperun_count_duration")
# These triggers prevent changes of the audit log.
TRIGGERS = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'")


def delete_all(engine):
    """Delete the rows of all tables of the application."""
    deletions = [f"DELETE FROM {table.name}" for table in reversed(db.metadata.sorted_tables)]
    deletions += [f"DELETE FROM {name}" for name in COUNTS]
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # One message, because there are thousands of tests.
            disabled = ["ALTER TABLE audit DISABLE TRIGGER USER", *deletions, "ALTER TABLE audit ENABLE TRIGGER USER"]
            connection.exec_driver_sql("; ".join(disabled))
            return
        triggers = connection.execute(TRIGGERS).all()
        drops = [f"DROP TRIGGER {name}" for name, _ in triggers]
        for statement in (*drops, *deletions, *(sql for _, sql in triggers)):
            connection.exec_driver_sql(statement)
