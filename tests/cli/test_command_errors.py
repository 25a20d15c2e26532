"""Errors of commands are sentences that say what happened."""

import click
import pytest
from sqlalchemy import text

from app.cli.command_errors import report_errors
from app.extensions import db
from tests.support.databases import on_postgresql


@on_postgresql
def test_a_database_that_refuses_what_is_too_large_has_answered(app):
    refused = "The database refuses the statement: word is too long"
    with app.app_context(), pytest.raises(click.ClickException, match=refused), report_errors():
        db.session.execute(text("SELECT CAST(repeat('x', 2047) AS tsvector)"))
