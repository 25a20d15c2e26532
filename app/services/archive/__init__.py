"""Export the whole database as lines of JSON, and import it again, also into another database system.

The first line of an export has the version of the format and the revision of the database. Then each table has a line
for every row and a line with its last assigned id. The last line has the number of rows; an export without it is
truncated. The same content gives the same bytes on PostgreSQL and on SQLite.
"""

from app.services.archive.format import EXCLUDED, ArchiveError, tables
from app.services.archive.loader import load
from app.services.archive.writer import count, export, snapshot

__all__ = ["EXCLUDED", "ArchiveError", "count", "export", "load", "snapshot", "tables"]
