"""Commands beside Flask's own and `flask db`: one module for each group."""

from flask import Flask

from app.cli.api_keys import api_keys
from app.cli.archive import export, import_
from app.cli.doctor import examine
from app.cli.idempotency import idempotency
from app.cli.runs import runs
from app.cli.seed import seed

# In the order of what one does with a database.
COMMANDS = (examine, seed, api_keys, runs, idempotency, export, import_)


def init_app(app: Flask) -> None:
    for command in COMMANDS:
        app.cli.add_command(command)
