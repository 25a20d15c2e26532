import re
from datetime import datetime, timedelta

import pytest

from app.database.columns import now, wire_time
from app.extensions import db
from app.models import AuditEntry
from app.models.recipe_runs import CONCLUSIONS
from app.routes.recipe_runs import FINISHED_RUN
from tests.support import postgres
from tests.support.apps import SEED, make_app
from tests.support.factories import make_bakery, make_feedstock, make_run

LOADED = "Loaded the example catalogue: 3 bakeries, 4 feedstocks, 15 recipe runs, 1 API key.\n"
NOTHING = "The database has records. Nothing was loaded.\n"


def seed(app):
    result = app.test_cli_runner().invoke(args=["seed"])
    return result.exit_code, result.output


def counts(client):
    return [client.get(f"/stats/{noun}").json["count"] for noun in ("bakeries", "feedstocks", "recipe_runs")]


def test_seed_loads_the_catalogue_once(app, client):
    assert seed(app) == (0, LOADED)
    assert counts(client) == [3, 4, 15]
    assert seed(app) == (0, NOTHING)
    assert counts(client) == [3, 4, 15]


def test_seed_says_that_the_examples_are_of_another_day(app, kind):
    with app.app_context():
        entry = {"actor": "system", "action": "seed", "resource": "catalogue"}
        db.session.add(AuditEntry(at=now() - timedelta(days=31), **entry))
        db.session.commit()
    make_bakery(app)
    code, output = seed(app)
    assert (code, output.startswith(NOTHING.removesuffix("\n"))) == (0, True)
    advice = "delete /" if kind == "sqlite" else "use an empty database"
    assert re.search(rf" The examples are of \d{{4}}-\d\d-\d\d: {advice}.* to get those of today\.\n$", output)


def test_the_examples_end_now(app, client):
    seed(app)
    times = client.get("/recipe_runs/?order_by=started_at&sort=desc").json
    ages = [now() - datetime.fromisoformat(run["started_at"]) for run in times]
    assert [run["status"] for run in times[:3]] == ["queued", "in_progress", "completed"]
    assert timedelta(minutes=4) <= ages[0] < timedelta(hours=1)
    assert ages[-1] < timedelta(days=15)
    assert all(run["completed_at"] < wire_time(now()) for run in times[2:])


def test_the_end_of_the_examples_can_be_given(app, client):
    assert app.test_cli_runner().invoke(args=SEED).exit_code == 0
    times = [run["started_at"] for run in client.get("/recipe_runs/").json]
    assert (times[0], times[-1]) == ("2026-03-16T12:34:00Z", "2026-03-16T10:38:00Z")


@pytest.mark.parametrize("make", [make_bakery, make_feedstock, make_run])
def test_seed_does_not_change_a_database_that_has_rows(app, client, make):
    make(app)
    before = counts(client)
    assert seed(app) == (0, NOTHING)
    assert counts(client) == before


def test_the_examples_show_every_status_and_conclusion(app, client):
    seed(app)
    runs = client.get("/recipe_runs/").json
    assert {run["conclusion"] for run in runs} == {*CONCLUSIONS, None}
    assert {run["status"] for run in runs} == {"queued", "in_progress", "completed"}
    assert client.get("/stats/datasets?exclude_test_runs=true").json["count"] > 0


# Fields that only the service sets.
GIVEN = ("id", "created_at", "updated_at", "failure", "time_problem")


def test_the_examples_could_have_been_created_over_the_api(app, admin):
    seed(app)
    for resource in ("bakeries", "feedstocks", "recipe_runs"):
        for record in admin.get(f"/{resource}/").json:
            body = {name: value for name, value in record.items() if name not in GIVEN}
            assert admin.patch(f"/{resource}/{record['id']}", json=body).json == record


OWN = ["precipitation.zarr", "sst.zarr", "air-temperature.json"]


def test_the_end_of_a_run_in_the_documentation_fits_the_first_example(app, admin):
    """The page /docs opens with both. The first example is queued, and has just started."""
    seed(app)
    first = admin.get("/recipe_runs/?limit=1").json[0]["id"]
    assert admin.patch(f"/recipe_runs/{first}", json=FINISHED_RUN).status_code == 200


def test_the_datasets_of_the_examples_are_those_of_the_service(app, client):
    assert app.test_cli_runner().invoke(args=["seed", "--address", "http://127.0.0.1:8000/"]).exit_code == 0
    listed = client.get("/datasets/?order_by=id&sort=asc&fields=url,dataset_type,title").json
    assert [item["url"] for item in listed] == [f"http://127.0.0.1:8000/docs/examples/{name}" for name in OWN]
    assert [item["dataset_type"] for item in listed] == ["zarr", "zarr", "kerchunk"]
    for path in ("precipitation.zarr/zarr.json", "sst.zarr/.zmetadata", "air-temperature.json"):
        assert client.get(f"/docs/examples/{path}", buffered=True).status_code == 200


def test_seed_of_a_database_without_migrations_says_what_to_do(empty_url):
    code, output = seed(make_app(empty_url))
    assert code == 1
    assert output.startswith("Error: The database is empty, this release needs ")
    assert output.endswith(": run `flask db upgrade`.\n")


def test_seed_without_a_database_prints_one_sentence():
    code, output = seed(make_app(f"postgresql://forge:hunter2@127.0.0.1:{postgres.free_port()}/catalogue"))
    assert code == 1
    assert output.startswith("Error: The database does not answer: ")
    assert "Traceback" not in output
    assert "hunter2" not in output
