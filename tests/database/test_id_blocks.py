"""Lists of a time in the order of ids: they have every row of the time, and read few others."""

from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import urlencode

import pytest
from sqlalchemy import insert, select

from app.database.columns import INTEGER_MAX
from app.database.filters import id_bounds, parametrise
from app.extensions import db
from app.models import RecipeRun
from tests.support.factories import make_bakery, make_feedstock
from tests.support.links import follow

FIRST = datetime(2022, 3, 1, tzinfo=UTC)
BLOCK = 8192  # ids
# Ids of several blocks, with a gap of many empty ones, up to the greatest id.
IDS = [*range(1, 30 * BLOCK, 1_000), *range(INTEGER_MAX - 5 * BLOCK, INTEGER_MAX, 1_000), INTEGER_MAX]
BEGINS = ("since", "started_after", "completed_after")
FILTERS = {
    "since": "started_at",
    "until": "started_at",
    "started_after": "started_at",
    "started_before": "started_at",
    "completed_after": "completed_at",
    "completed_before": "completed_at",
}


@pytest.fixture(scope="module")
def filled(module_app):
    """A client of an application with runs, whose times mostly go with their ids, and these runs."""
    chance = Random(1)
    parents = {"feedstock_id": make_feedstock(module_app).id, "bakery_id": make_bakery(module_app).id}
    runs = []
    for number, id in enumerate(IDS):
        start = FIRST + timedelta(
            days=number + chance.uniform(0, 9) if chance.random() < 0.95 else chance.uniform(0, 300)
        )
        end = start + timedelta(days=chance.uniform(0, 5)) if chance.random() < 0.7 and number % 40 > 15 else None
        runs.append({"id": id, **parents, "started_at": start, "completed_at": end, "is_test": chance.random() < 0.3})
    fixed = {"recipe_id": "r", "head_sha": "", "version": "", "status": "completed"}
    with module_app.app_context():
        db.session.execute(insert(RecipeRun).values([fixed | run for run in runs]))
        db.session.commit()
    return module_app.test_client(), runs


def expected(runs, filters):
    for name, time in filters.items():
        times = [(run, run[FILTERS[name]]) for run in runs if run[FILTERS[name]]]
        runs = [run for run, found in times if (found >= time if name in BEGINS else found < time)]
    return [run["id"] for run in runs]


def query_of(filters):
    return {name: f"{time:%Y-%m-%dT%H:%M:%S.%fZ}" for name, time in filters.items()}


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize(
    "names", [*((name,) for name in FILTERS), ("since", "until"), ("started_after", "completed_before")]
)
def test_a_list_of_a_time_has_every_run_of_the_time_in_order(filled, names, sort):
    client, runs = filled
    chance = Random(str(names))
    for _ in range(4):
        filters = {name: FIRST + timedelta(days=chance.uniform(-20, 320)) for name in names}
        first = f"/recipe_runs/?{urlencode(query_of(filters))}&sort={sort}&limit=100"
        ids = [run["id"] for page in follow(client, first) for run in page.json]
        assert ids == expected(runs, filters)[:: 1 if sort == "asc" else -1], filters


@pytest.mark.parametrize("name", FILTERS)
def test_the_bounds_begin_and_end_with_the_blocks_of_the_time(filled, name):
    client, runs = filled
    for days in (50, 150, 250):
        filters = {name: FIRST + timedelta(days=days)}
        numbers = [id // BLOCK for id in expected(runs, filters)]
        near = [id for id in IDS if (id // BLOCK >= min(numbers) if name in BEGINS else id // BLOCK <= max(numbers))]
        with client.application.app_context():
            filter_key, values = parametrise(RecipeRun, filters)
            bounded = select(RecipeRun.id).where(*id_bounds(RecipeRun, filter_key)).order_by(RecipeRun.id)
            assert db.session.scalars(bounded, values).all() == near != IDS
