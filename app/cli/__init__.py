"""The commands of `flask`: one module for each group."""

from importlib import import_module

import click
from flask import Flask

from app.cli.api_keys import api_keys
from app.cli.archive import export, import_
from app.cli.datasets import datasets
from app.cli.diagnose import examine
from app.cli.feedstocks import feedstocks
from app.cli.idempotency import idempotency
from app.cli.runs import runs
from app.cli.seed import seed

# In the order in which an operator of a new database uses them.
COMMANDS = (examine, seed, api_keys, feedstocks, datasets, runs, idempotency, export, import_)


def init_app(app: Flask) -> None:
    for command in COMMANDS:
        app.cli.add_command(command)
    if click.get_current_context(silent=True):
        # Only for commands: `flask db` imports Alembic, which would cost each worker of a server 5 MB.
        import_module("app.cli.db").migrate.init_app(app)
