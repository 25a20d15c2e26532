"""Deletes the rows that a test has committed."""

from sqlalchemy import text

from app.extensions import db

# These triggers prevent changes of the audit log.
TRIGGERS = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'")


def delete_all(engine):
    """Delete the rows of all tables of the application."""
    with engine.begin() as connection:
        triggers = connection.execute(TRIGGERS).all() if engine.dialect.name == "sqlite" else []
        for name, _ in triggers:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        if not triggers:
            connection.exec_driver_sql("ALTER TABLE audit DISABLE TRIGGER USER")
        for table in reversed(db.metadata.sorted_tables):
            connection.execute(table.delete())
        connection.exec_driver_sql("DELETE FROM reciperun_count")
        if not triggers:
            connection.exec_driver_sql("ALTER TABLE audit ENABLE TRIGGER USER")
        for _, sql in triggers:
            connection.exec_driver_sql(sql)
