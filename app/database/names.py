"""Names that people and programs write in different ways, brought into one form before they are compared and stored."""

import unicodedata
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def normal(name: str) -> str:
    """`name` in Unicode's form NFC, without white space at its ends, so that names that look alike are equal."""
    return unicodedata.normalize("NFC", name).strip()


def searchable(text: str) -> str:
    """`text` in the form in which texts are searched: without regard to case and to the form of Unicode."""
    return unicodedata.normalize("NFC", text).casefold()


def containing(text: str) -> str:
    """The pattern of LIKE, with a backslash as escape character, for texts that contain `text`."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def lower(name: str) -> str:
    """`name` with its ASCII letters in lower case, which is how hosts of repositories compare names."""
    return name.translate(_LOWER)


class folded(FunctionElement[str]):  # noqa: N801  # reads as the SQL function it is
    """A text column whose values are equal to a text in lower case (`lower`) if they differ in ASCII case only."""

    inherit_cache = True


@compiles(folded, "postgresql")
def _folded_postgresql(element: folded, compiler: Any, **options: Any) -> str:
    # As PostgreSQL prints it, so that Alembic finds no difference. In other collations `lower` depends on the locale.
    return f'lower({compiler.process(element.clauses, **options)}::text COLLATE "C")'


@compiles(folded, "sqlite")
def _folded_sqlite(element: folded, compiler: Any, **options: Any) -> str:
    return f"{compiler.process(element.clauses, **options)} COLLATE NOCASE"
