"""The commands of `flask`: one module for each group."""

import gc
import sys
from importlib import import_module

import click
from flask import Flask

from app.cli.api_keys import api_keys
from app.cli.archive import export, import_
from app.cli.datasets import datasets
from app.cli.diagnose import examine
from app.cli.feedstocks import feedstocks
from app.cli.idempotency_keys import idempotency
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
        # What the imports have created is no garbage: the search for it, at the end, takes longer than many commands.
        gc.freeze()


def without_settings(reason: str) -> Flask:
    """Return an application for `flask --help`: it names the commands, and each of them ends with `reason`.

    Everything else, such as a server or `flask run`, ends here with `reason`.
    """
    context = click.get_current_context(silent=True)
    if context is None or context.parent is not None:
        sys.exit(reason)
    app = Flask(__name__, static_folder=None)
    init_app(app)
    app.cli.commands = {name: _refused(command, reason) for name, command in app.cli.commands.items()}
    return app


def _refused(command: click.Command, reason: str) -> click.Command:
    """Return a command with the name and the help of `command` that accepts any arguments and exits with `reason`."""
    any_arguments = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    return click.Command(
        command.name, help=command.help, callback=lambda: sys.exit(reason), context_settings=any_arguments
    )
