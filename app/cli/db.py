"""`flask db`: the commands of Flask-Migrate."""

from flask_migrate import Migrate

from app.extensions import MIGRATIONS, db

migrate = Migrate(
    db=db, directory=str(MIGRATIONS), compare_type=True, compare_server_default=True, render_as_batch=True
)
