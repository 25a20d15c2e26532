"""`flask db`: Flask-Migrate's commands, for the migrations of this application."""

from flask import Flask
from flask_migrate import Migrate

from app.extensions import MIGRATIONS, db

migrate = Migrate(directory=str(MIGRATIONS), compare_type=True, compare_server_default=True, render_as_batch=True)


def init_app(app: Flask) -> None:
    migrate.init_app(app, db)
