"""Query plans of PostgreSQL for the statements of requests, in a large catalogue."""

from contextlib import contextmanager
from itertools import product
from typing import Any

from app.extensions import db
from app.schemas.recipe_runs import RecipeRunQuery
from tests.support.apps import make_app
from tests.support.catalogue import runs
from tests.support.links import links
from tests.support.sent import statements

LISTS = ("/recipe_runs/", "/bakeries/1/recipe_runs", "/bakeries/20/recipe_runs", "/feedstocks/1/recipe_runs")
ORDER: Any = RecipeRunQuery().fields["order_by"]
COLUMNS = ORDER.validate.choices
ORDERS = [f"order_by={name}&sort={sort}" for name, sort in product(COLUMNS, ("asc", "desc"))]
# Columns with few values are filtered by a common value and by a rare one. `q` is missing, because messages have no
# index of their words.
FILTERS = [
    *("id=7", "bakery_id=1", "bakery_id=20", "feedstock_id=1", "feedstock_id=499", "recipe_id=example-3-1"),
    *("head_sha=8f14e45fceea167a5a36dedd4bea2543", "head_sha=none", "version=1.3", "version=2.0", "rerun_of=5"),
    *("started_at=2020-01-02T00:00:00Z", "completed_at=2020-01-02T00:00:00Z", "created_at=2020-01-02T00:00:00Z"),
    *("updated_at=2020-01-02T00:00:00Z", "status=completed", "status=queued", "status=queued&status=in_progress"),
    *("conclusion=success", "conclusion=timed_out", "conclusion=success&conclusion=failure", "conclusion=neutral"),
    *("is_test=true", "is_test=false", "dataset_type=zarr", "dataset_type=parquet", "dataset_type=kerchunk"),
    *("dataset_public_url=none", "message=none", "has_dataset=true", "has_dataset=false"),
    *("has_conclusion=true", "has_conclusion=false"),
    *("failure_class=unknown", "failure_class=lost", "failure_class=lost&failure_class=timed_out"),
    *("external_id=none", "external_id=none&external_id=other"),
    *("started_after=2020-01-03T00:00:00Z", "started_before=2020-01-01T03:00:00Z"),
    *("completed_after=2020-01-03T00:00:00Z", "completed_before=2020-01-01T03:00:00Z"),
    "started_after=2020-01-02T00:00:00Z&started_before=2020-01-02T03:00:00Z",
]


@contextmanager
def catalogue(server, count):
    """A client of a service with `count` runs."""
    with runs(server, count) as url:
        app = make_app(url)
        yield app.test_client()
        with app.app_context():
            db.engine.dispose()


def plans(client, reference, *, run=False):
    """The plans of the statements on runs that a request sends. With `run` they are also executed and measured."""
    explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)" if run else "EXPLAIN (FORMAT JSON)"
    with statements() as sent:
        response = client.get(reference)
    assert response.status_code == 200, response.json
    with client.application.app_context(), db.engine.connect() as connection:
        found = [
            connection.exec_driver_sql(f"{explain} {statement.text}", statement.parameters).scalar_one()[0]["Plan"]
            for statement in sent
            if "reciperun" in statement.text
        ]
    return [plan for plan in found if "reciperun" in str(plan)]


def scans(plan):
    """The indexes by which a plan reads runs, and "Seq Scan" where it reads the whole table."""
    if (
        plan.get("One-Time Filter") == "false"
    ):  # PostgreSQL does not execute the nodes below, for example for "bakery 1 and bakery 2"
        return
    if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] == "reciperun":
        yield "Seq Scan"
    elif index := plan.get("Index Name"):
        yield index
    for part in plan.get("Plans", ()):
        yield from scans(part)


def indexes(client, reference):
    """The indexes by which a request reads runs, and "Seq Scan" where it reads the whole table."""
    return {scan for plan in plans(client, reference) for scan in scans(plan)}


def buffers(client, reference):
    """The number of database pages that a request reads."""
    return sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans(client, reference, run=True))


def last(client, order, path="/recipe_runs/"):
    """The path of the last full page, by cursor."""
    return links(client.get(f"{path}?{order}&limit=100&offset=9999999"))["prev"]
