"""Commands beside Flask's own: one module for each group."""

from importlib import import_module

import click
from flask import Flask

from app.cli.api_keys import api_keys
from app.cli.archive import export, import_
from app.cli.diagnose import examine
from app.cli.idempotency import idempotency
from app.cli.runs import runs
from app.cli.seed import seed

# In the order of what one does with a database.
COMMANDS = (examine, seed, api_keys, runs, idempotency, export, import_)


def init_app(app: Flask) -> None:
    for command in COMMANDS:
        app.cli.add_command(command)
    if click.get_current_context(silent=True):
        # `flask db` is Flask-Migrate's own. A server has no use for it, and with Alembic it is 5 MB of each worker.
        import_module("app.cli.db").migrate.init_app(app)
