"""Counts over the whole catalogue."""

from sqlalchemy import func, select

from app.extensions import db
from app.models import RecipeRun
from app.models.base import Record


def count(model: type[Record]) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def count_datasets(exclude_test_runs: bool) -> int:
    """Runs with a dataset url, whatever came of them, as the original counts; without tests, published ones only."""
    with_url = RecipeRun.dataset_public_url.is_not(None)
    in_production = RecipeRun.published() & ~RecipeRun.is_test
    return db.session.scalar(select(func.count()).where(in_production if exclude_test_runs else with_url)) or 0
