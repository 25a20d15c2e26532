"""Counts over the whole catalogue."""

from functools import cache
from typing import Any

from sqlalchemy import Select, func, inspect, select
from sqlalchemy.orm import Mapper

from app.models.base import Record
from app.prepared import fetch
from app.services import run_counts

# RecipeRun.published(), as filters.
PUBLISHED = {"status": ["completed"], "conclusion": ["success"], "has_dataset": True}


def count(model: type[Record]) -> int:
    ((records,),) = fetch(_all(inspect(model)))
    return int(records)


@cache
def _all(mapper: Mapper[Any]) -> Select[Any]:
    return select(func.count()).select_from(mapper.local_table)


def count_runs() -> int:
    return run_counts.count({})


def count_datasets(exclude_test_runs: bool) -> int:
    """Runs with a dataset url, whatever came of them, as the original counts; without tests, published ones only."""
    filters: dict[str, Any] = PUBLISHED | {"is_test": [False]} if exclude_test_runs else {"has_dataset": True}
    return run_counts.count(filters)
