from itertools import combinations, product

import pytest
from sqlalchemy import delete, func, insert, select, text

from app.database.filters import conditions, parametrise
from app.extensions import db
from app.models import RecipeRun, RunCount, run_counts
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock, make_run

KIND = {
    "status": ["queued", "completed"],
    "conclusion": ["success", "failure", None],
    "is_test": [True, False],
    "dataset_public_url": ["https://example.org/a.zarr", None],
}
FILTERS = {"status": ["queued"], "conclusion": ["success", "failure"], "is_test": [False], "has_dataset": True}
MORE = [{"has_conclusion": True}, {"has_conclusion": False, "is_test": [True]}, {"has_dataset": False}]
AGREE = "The counts agree with the runs.\n"


@pytest.fixture(scope="module")
def filled(module_app):
    """An application with `make_parents`, for tests that only read."""
    return module_app, make_parents(module_app)


@pytest.fixture
def parents(app):
    return make_parents(app)


def make_parents(app):
    """Two feedstocks and two bakeries. Each pair has a run of every kind, and one pair has an additional run."""
    parents = {"feedstock_id": [make_feedstock(app).id for _ in "12"], "bakery_id": [make_bakery(app).id for _ in "12"]}
    fixed = {"recipe_id": "r", "head_sha": "", "version": "", "started_at": STARTED_AT}
    rows = [dict(zip(parents | KIND, values, strict=True)) for values in product(*parents.values(), *KIND.values())]
    with app.app_context():
        db.session.execute(insert(RecipeRun).values([fixed | row for row in [*rows, rows[0]]]))
        db.session.commit()
    return parents


def rows(filters):
    filter_key, values = parametrise(RecipeRun, filters)
    counted = select(func.count()).select_from(RecipeRun).where(*conditions(RecipeRun, filter_key))
    return db.session.scalar(counted, values)


@pytest.mark.parametrize("within", [(), ("feedstock_id",), ("bakery_id",)])
@pytest.mark.parametrize("names", [names for size in range(5) for names in combinations(FILTERS, size)])
def test_a_count_is_the_number_of_matching_rows(filled, within, names):
    app, parents = filled
    filters = {name: parents[name][:1] for name in within} | {name: FILTERS[name] for name in names}
    with app.app_context():
        assert run_counts.covers(filters)
        assert run_counts.count(filters) == rows(filters) > 0


@pytest.mark.parametrize("filters", MORE)
def test_a_count_of_runs_with_or_without_a_value_is_that_of_the_rows(filled, filters):
    app, _ = filled
    with app.app_context():
        assert run_counts.count(filters) == rows(filters) > 0


@pytest.mark.parametrize("ids", [[], [1, 2, 2], [1, 2**31]])
@pytest.mark.parametrize("name", ["feedstock_id", "bakery_id"])
def test_a_count_accepts_any_list_of_parents(filled, name, ids):
    app, parents = filled
    filters = {name: [parents[name][0] if id == 1 else id for id in ids]}
    with app.app_context():
        assert run_counts.count(filters) == rows(filters)


@pytest.mark.parametrize("name", ["id", "q", "head_sha", "started_after", "dataset_public_url"])
def test_filters_without_a_count_are_not_covered(name):
    assert not run_counts.covers({"status": ["queued"], name: ["x"]})


def test_runs_of_a_feedstock_in_a_bakery_are_counted_by_their_sums(filled):
    app, parents = filled
    filters = {name: ids[:1] for name, ids in parents.items()} | {"status": ["queued"]}
    with app.app_context():
        assert not run_counts.covers(filters)
        assert RecipeRun.kept_count(filters) == rows(filters) > 0


def recount(app):
    return app.test_cli_runner().invoke(args=["runs", "recount"]).output


def test_recount_confirms_correct_counts(app):
    assert recount(app) == AGREE
    make_run(app)
    assert recount(app) == AGREE


def test_recount_fixes_wrong_counts(app, client):
    make_run(app)
    with app.app_context():
        db.session.execute(delete(RunCount).where(RunCount.slice == "all"))
        db.session.commit()
    assert client.get("/stats/recipe_runs").json == {"count": 0}
    assert recount(app) == "Corrected 1 of the counts.\n"
    assert client.get("/stats/recipe_runs").json == {"count": 1}
    assert recount(app) == AGREE


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_recount_counts_rows_written_without_triggers(app):
    run = make_run(app)
    with app.app_context():
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
        db.session.execute(delete(RecipeRun).where(RecipeRun.id == run.id))
        db.session.execute(text("SET LOCAL session_replication_role = origin"))
        db.session.commit()
    assert recount(app) == "Corrected 9 of the counts.\n"  # 3 counts, 2 sums of its day and 4 of its week
    assert recount(app) == AGREE
