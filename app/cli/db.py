"""`flask db`: Flask-Migrate's commands, for the migrations of this application."""

from flask_migrate import Migrate

from app.extensions import MIGRATIONS, db

migrate = Migrate(
    db=db, directory=str(MIGRATIONS), compare_type=True, compare_server_default=True, render_as_batch=True
)
