"""The whole database as lines of JSON, and back, so that the catalogue outlives the service and its database.

An export begins with a line that names its form and the revision of the database. A line for every row follows, table
by table, with the last id that each table has given out. It ends with the count of rows, without which it is cut short.
Equal contents are equal bytes, whether they come from PostgreSQL or from SQLite.
"""

from app.services.archive.form import LEFT_OUT, ArchiveError, tables
from app.services.archive.loader import load
from app.services.archive.writer import count, export, snapshot

__all__ = ["LEFT_OUT", "ArchiveError", "count", "export", "load", "snapshot", "tables"]
