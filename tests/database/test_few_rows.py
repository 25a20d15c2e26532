"""A list of few rows, which are sorted, is the same as one of many, which is read in the order of an index."""

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import insert

from app.database import pages
from app.extensions import db
from app.models import RecipeRun
from tests.support.databases import on_sqlite
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock
from tests.support.links import follow
from tests.support.sent import statements

FILTERS = [
    *("status=queued&status=in_progress", "has_conclusion=false", "is_test=true&status=completed", "bakery_id=1"),
    *("bakery_id=1&conclusion=failure", "feedstock_id=1&bakery_id=1&bakery_id=2", "since=2022-03-03&is_test=false"),
]
ORDERS = ["id", "recipe_id", "conclusion", "completed_at", "message", "started_at"]
STATES = [("queued", None), ("in_progress", None), ("completed", "success"), ("completed", "failure")]


@pytest.fixture(scope="module")
def client(module_app):
    """A client of an application with runs, of which many have equal values or none."""
    chance = Random(1)
    feedstocks, bakeries = [make_feedstock(module_app).id for _ in "12"], [make_bakery(module_app).id for _ in "12"]
    runs = []
    for _ in range(120):
        status, conclusion = chance.choice(STATES)
        start = STARTED_AT + timedelta(hours=chance.randrange(-48, 48))
        runs.append(
            {"status": status, "conclusion": conclusion, "head_sha": "", "version": ""}
            | {"bakery_id": chance.choice(bakeries), "feedstock_id": chance.choice(feedstocks)}
            | {"recipe_id": chance.choice("aB"), "is_test": chance.random() < 0.5, "started_at": start}
            | {"completed_at": start + timedelta(hours=chance.randrange(9)) if conclusion else None}
            | {"message": chance.choice([None, "a", "B" * 300])}
        )
    with module_app.app_context():
        db.session.execute(insert(RecipeRun).values(runs))
        db.session.commit()
    return module_app.test_client()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("query", FILTERS)
def test_a_list_of_few_rows_is_that_of_an_index(client, monkeypatch, query, order):
    for sort in ("asc", "desc"):
        first = f"/recipe_runs/?{query}&order_by={order}&sort={sort}&limit=11"
        last = f"{first}&offset=1000"
        by_sorting = [page.json for page in follow(client, first)], [page.json for page in follow(client, last, "prev")]
        monkeypatch.setattr(pages, "FEW", -1)
        assert by_sorting[0] == [page.json for page in follow(client, first)]
        assert by_sorting[1] == [page.json for page in follow(client, last, "prev")]
        assert min(map(len, by_sorting)) > 1
        monkeypatch.undo()


@on_sqlite
@pytest.mark.parametrize("order", ["recipe_id", "conclusion", "completed_at", "started_at"])
@pytest.mark.parametrize("query", ["is_test=false&status=completed", "bakery_id=1&bakery_id=2", "conclusion=failure"])
def test_sqlite_sorts_few_rows_only(client, monkeypatch, query, order):
    sorts = []
    for few in (pages.FEW, -1):
        monkeypatch.setattr(pages, "FEW", few)
        sorts.append("TEMP B-TREE" in plan(client, f"{query}&order_by={order}"))
    assert sorts == [True, False]


@on_sqlite
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("is_test=false&conclusion=failure", "reciperun_conclusion_id"),
        ("is_test=false&bakery_id=1&order_by=started_at", "reciperun_bakery_id_started_at_id"),
        ("is_test=false&feedstock_id=1&bakery_id=1&since=2022-03-03", "reciperun_bakery_id_id"),
    ],
)
def test_sqlite_reads_many_rows_by_the_index_of_a_filter_in_the_order_of_the_list(client, monkeypatch, query, index):
    monkeypatch.setattr(pages, "FEW", -1)
    assert index in plan(client, query)


def plan(client, query):
    """The plan of SQLite for the page."""
    with statements() as sent:
        assert client.get(f"/recipe_runs/?{query}&limit=2").status_code == 200
    [page] = [one for one in sent if "reciperun.message" in one.text]
    with client.application.app_context(), db.engine.connect() as connection:
        return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {page.text}", page.parameters).all())
