"""`flask datasets …`: manage datasets."""

from flask.cli import AppGroup

datasets = AppGroup("datasets", help="Manage datasets.")
