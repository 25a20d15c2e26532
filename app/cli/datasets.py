"""`flask datasets …`: manage datasets."""

from flask.cli import AppGroup

from app.cli.dataset_inspection import inspect

datasets = AppGroup("datasets", help="Manage datasets.")
datasets.add_command(inspect)
