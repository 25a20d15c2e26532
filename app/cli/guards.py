"""What commands stop for, in sentences."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import DBAPIError, OperationalError
from werkzeug.exceptions import HTTPException

from app.services import archive


@contextmanager
def sentences() -> Iterator[None]:
    """End a command with a sentence where there is one for what went wrong: `@sentences()`."""
    try:
        yield
    except HTTPException as error:
        raise click.ClickException(str(error.description)) from None
    except OperationalError as error:
        raise click.ClickException(f"The database does not answer: {error.orig}") from None
    except DBAPIError as error:
        raise click.ClickException(f"The database refuses: {error.orig}") from None
    except archive.ArchiveError as error:
        raise click.ClickException(str(error)) from None
