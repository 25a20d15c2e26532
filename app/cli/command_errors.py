"""Errors of commands."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import DBAPIError, OperationalError
from werkzeug.exceptions import HTTPException

from app.database.engine import is_faulty_statement
from app.services import archive


@contextmanager
def report_errors() -> Iterator[None]:
    """Show expected errors of a command as one sentence instead of a traceback. Use it as `@report_errors()`."""
    try:
        yield
    except HTTPException as error:
        raise click.ClickException(str(error.description)) from None
    except DBAPIError as error:
        refused = not isinstance(error, OperationalError) or is_faulty_statement(error)
        says = "refuses the statement" if refused else "does not answer"
        raise click.ClickException(f"The database {says}: {error.orig}") from None
    except archive.ArchiveError as error:
        raise click.ClickException(str(error)) from None
