"""Reports of runners, which know our id of the run, or only their own."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from app.database.columns import now
from app.extensions import db
from app.services import feedstock_merge
from tests.support.apps import client_with
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock, make_run

URL = "https://data.org/a.zarr"
DESCRIPTION = {"variables": {}, "dimensions": {"time": 3}, "attributes": {}, "engine": "zarr"}
ENDED = {"status": "completed", "conclusion": "success", "completed_at": "2022-03-03T03:00:00Z"}


@pytest.fixture
def bakery(app):
    return make_bakery(app)


@pytest.fixture
def feedstock(app):
    return make_feedstock(app, spec="pangeo-forge/gpcp-feedstock")


@pytest.fixture
def new(feedstock):
    """A report that creates a run."""
    return {"external_id": "job-1", "feedstock": feedstock.spec, "recipe_id": "gpcp", "head_sha": "abc"}


@pytest.fixture
def runner(app, admin, bakery):
    """A client with the key of the bakery's service account."""
    made = admin.post("/api-keys", json={"label": "runner", "scopes": [f"bakery:{bakery.id}"]}).json
    return client_with(app, made["key"])


@pytest.fixture
def send(runner, bakery):
    return lambda report, **options: runner.post(f"/bakeries/{bakery.id}/reports", json=report, **options)


def refusal(response):
    return response.status_code, response.json["detail"]


def events(client, run):
    return client.get(f"/recipe_runs/{run['id']}/events").json


def test_a_report_about_an_unknown_job_creates_a_run(send, new, bakery, feedstock):
    response = send(new)
    run = response.json
    assert (response.status_code, response.headers["Location"]) == (201, f"/recipe_runs/{run['id']}")
    parents = {"bakery_id": bakery.id, "feedstock_id": feedstock.id}
    expected = {"external_id": "job-1", "recipe_id": "gpcp", "head_sha": "abc", "version": "", "status": "queued"}
    assert run.items() >= (parents | expected | {"is_test": False}).items()
    assert now() - datetime.fromisoformat(run["started_at"]) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "spec", ["https://github.com/pangeo-forge/gpcp-feedstock.git", "Pangeo-Forge/GPCP-feedstock", "old/name"]
)
def test_a_report_names_the_feedstock_by_any_of_its_names(admin, send, new, feedstock, spec):
    admin.patch(f"/feedstocks/{feedstock.id}", json={"spec": "old/name"})
    admin.patch(f"/feedstocks/{feedstock.id}", json={"spec": "pangeo-forge/gpcp-feedstock"})
    assert send(new | {"feedstock": spec}).json["feedstock_id"] == feedstock.id


def test_the_next_report_is_about_the_same_run(runner, send, new):
    run = send(new).json
    started = send({"external_id": "job-1", "status": "in_progress", "external_url": "https://ci.org/1"})
    ended = send(new | {"conclusion": "success", "dataset_public_url": URL, "dataset_type": "zarr"})
    assert (started.status_code, started.json["id"], started.json["status"]) == (200, run["id"], "in_progress")
    assert (ended.status_code, ended.json["id"], ended.json["conclusion"]) == (200, run["id"], "success")
    assert [event["to"].get("status") for event in events(runner, run)] == ["queued", "in_progress", "completed"]
    assert runner.get("/stats/recipe_runs").json == {"count": 1}


def test_the_first_report_may_be_the_last(send, new):
    run = send(new | {"conclusion": "failure", "completed_at": "2022-03-03T03:00:00Z", "message": "boom"}).json
    assert (run["status"], run["conclusion"], run["message"]) == ("completed", "failure", "boom")
    assert run["started_at"] == run["completed_at"] == "2022-03-03T03:00:00Z"


def test_a_run_starts_when_it_is_reported_in_progress(app, send, bakery):
    run = make_run(app, bakery_id=bakery.id)
    started = send({"run_id": run.id, "status": "in_progress"}).json["started_at"]
    assert now() - datetime.fromisoformat(started) < timedelta(minutes=1)
    assert send({"run_id": run.id, "status": "in_progress"}).json["started_at"] == started


def test_a_report_by_our_id_gives_the_run_the_id_of_the_runner(app, send, bakery):
    run = make_run(app, bakery_id=bakery.id)
    assert send({"run_id": run.id, "external_id": "job-7"}).json["external_id"] == "job-7"
    assert send({"external_id": "job-7", "status": "in_progress"}).json["id"] == run.id


def test_ids_that_contradict_each_other_are_409(app, send, bakery):
    run = make_run(app, bakery_id=bakery.id, external_id="job-1")
    other = make_run(app, bakery_id=bakery.id)
    has = f"recipe run {run.id} already has external_id 'job-1'"
    assert refusal(send({"run_id": run.id, "external_id": "job-2"})) == (409, f"{has}.")
    assert refusal(send({"run_id": other.id, "external_id": "job-1"})) == (409, f"{has} and bakery_id {bakery.id}.")


@pytest.mark.parametrize(
    ("differing", "own", "reported"),
    [
        ({"recipe_id": "zzz"}, '"gpcp"', '"zzz"'),
        ({"is_test": True}, "false", "true"),
    ],
)
def test_a_report_of_another_run_with_the_same_id_is_409_and_changes_nothing(send, new, differing, own, reported):
    run = send(new).json
    [name] = differing
    response = send(new | differing | {"conclusion": "failure", "log": "boom"})
    assert refusal(response) == (
        409,
        f"The report does not fit recipe run {run['id']}: its {name} is {own}, not {reported}. Report another run with "
        f"another external_id, or correct this one with PATCH /recipe_runs/{run['id']}.",
    )
    assert send({"external_id": "job-1"}).json == run


def test_a_report_of_another_feedstock_is_409_or_422_if_there_is_none(app, send, new, feedstock):
    other, run = make_feedstock(app, spec="a/other"), send(new).json
    sentence = f"its feedstock_id is {feedstock.id}, not {other.id}."
    assert sentence in send(new | {"feedstock": "A/other"}).json["detail"]
    assert sentence in send({"run_id": run["id"], "feedstock_id": other.id}).json["detail"]
    assert send(new | {"feedstock": "a/b"}).status_code == 422
    assert send({"external_id": "job-1"}).json == run


def test_another_commit_or_version_is_ignored(send, new):
    run = send(new).json
    response = send(new | {"head_sha": "def", "version": "2", "conclusion": "success"})
    assert (response.status_code, response.headers["Ignored-Fields"]) == (200, "head_sha, version")
    assert (response.json["head_sha"], response.json["version"]) == (run["head_sha"], run["version"])
    assert response.json["conclusion"] == "success"


@pytest.mark.parametrize(("name", "other"), [("is_test", True), ("recipe_id", "corrected")])
def test_a_runner_may_repeat_what_was_corrected(admin, send, new, name, other):
    new |= {"is_test": False}
    run = send(new).json
    assert admin.patch(f"/recipe_runs/{run['id']}", json={name: other}).status_code == 200
    response = send(new | {"conclusion": "success"})
    assert (response.status_code, response.headers["Ignored-Fields"]) == (200, name)
    assert (response.json[name], response.json["conclusion"]) == (other, "success")
    assert send(new | {"recipe_id": "zzz"}).status_code == 409


def test_a_runner_may_repeat_the_id_of_a_feedstock_that_was_merged(app, send, new, feedstock):
    known = {name: value for name, value in new.items() if name != "feedstock"} | {"feedstock_id": feedstock.id}
    send(known)
    kept = make_feedstock(app, spec="a/kept").id
    with app.app_context():
        feedstock_merge.merge(kept, feedstock.id)
        db.session.commit()
    response = send(known | {"conclusion": "success"})
    assert (response.status_code, response.json["feedstock_id"]) == (200, kept)


def test_all_fields_that_differ_are_named(send, new):
    send(new)
    detail = send(new | {"recipe_id": "zzz", "is_test": True}).json["detail"]
    assert ': its recipe_id is "gpcp", not "zzz"; its is_test is false, not true. ' in detail


def test_a_job_that_is_repeated_is_the_same_run(send, new):
    fields = new | {"version": "main", "is_test": False}
    run = send(fields | {"conclusion": "failure"}).json
    again = send(fields | {"conclusion": "success"})
    assert (again.status_code, again.json["id"], again.json["conclusion"]) == (200, run["id"], "success")


@pytest.mark.parametrize(
    ("missing", "names"),
    [(["feedstock"], "feedstock"), (["head_sha"], "head_sha"), (["feedstock", "recipe_id"], "feedstock, recipe_id")],
)
def test_an_unknown_job_is_404_with_the_fields_that_a_new_run_needs(send, new, bakery, missing, names):
    sentence = f"recipe run with external_id 'job-1' not found in bakery {bakery.id}. To create it, also send {names}."
    assert refusal(send({name: value for name, value in new.items() if name not in missing})) == (404, sentence)


def test_a_run_of_another_bakery_is_404(app, send, bakery):
    run = make_run(app)
    assert refusal(send({"run_id": run.id})) == (404, f"recipe run {run.id} not found in bakery {bakery.id}")


def test_a_feedstock_that_does_not_exist_is_422(send, new):
    response = send(new | {"feedstock": "a/b"})
    assert response.json["errors"] == [{"in": "body", "pointer": "/feedstock", "detail": "feedstock a/b not found"}]


def test_a_retired_feedstock_gets_no_new_run_but_its_runs_are_reported(admin, send, new, feedstock):
    send(new)
    admin.patch(f"/feedstocks/{feedstock.id}", json={"retired_at": "2026-01-01T00:00:00Z"})
    assert send(new | {"status": "in_progress"}).status_code == 200
    assert send(new | {"external_id": "job-2"}).status_code == 409


@pytest.mark.parametrize(
    ("report", "pointer"),
    [
        ({}, "/external_id"),
        ({"external_id": None}, "/external_id"),
        ({"external_id": "a", "feedstock": "a/b", "feedstock_id": 1}, "/feedstock"),
        ({"external_id": "a", "feedstock": "https://gitlab.com/a/b"}, "/feedstock"),
        ({"external_id": "a", "nope": 1}, "/nope"),
        (
            {"external_id": "a", "conclusion": "stale", "feedstock_id": 1, "recipe_id": "r", "head_sha": "a"},
            "/conclusion",
        ),
    ],
)
def test_a_report_that_is_wrong_is_422(app, send, report, pointer):
    make_feedstock(app, id=1)
    response = send(report)
    assert (response.status_code, [error["pointer"] for error in response.json["errors"]]) == (422, [pointer])


def test_null_is_like_a_missing_field(app, send, bakery):
    run = make_run(app, bakery_id=bakery.id, status="in_progress", message="m")
    fields = dict.fromkeys(
        ["status", "conclusion", "completed_at", "message", "started_at", "description", "external_id"]
    )
    response = send({"run_id": run.id} | fields)
    assert (response.status_code, response.json["message"], response.json["status"]) == (200, "m", "in_progress")


def test_the_answer_is_the_run_of_get(runner, send, new):
    run = send(new).json
    assert send({"external_id": "job-1"}).json == run
    assert runner.get(f"/recipe_runs/?external_id={run['external_id']}").json == [run]


@pytest.mark.parametrize(
    "late", [{"status": "queued"}, {"status": "in_progress", "started_at": "2022-03-01T00:00:00Z"}]
)
def test_a_late_report_does_not_move_a_run_back(app, runner, send, bakery, late):
    run = make_run(app, bakery_id=bakery.id, external_id="job-1", **ENDED | {"completed_at": STARTED_AT})
    response = send({"external_id": "job-1", "message": None, **late})
    assert (response.status_code, response.json["status"]) == (200, "completed")
    assert response.headers["Ignored-Fields"] == ", ".join(late)
    assert response.json["started_at"] == "2022-03-03T02:29:54Z"
    assert events(runner, response.json | {"id": run.id}) == []


def test_a_late_report_sets_what_is_still_unknown(app, send, bakery):
    make_run(app, bakery_id=bakery.id, external_id="job-1", message="the cause", **ENDED | {"completed_at": STARTED_AT})
    late = {"external_id": "job-1", "status": "in_progress", "message": "starting", "external_url": "https://ci.org/1"}
    response = send(late)
    assert (response.json["message"], response.json["external_url"]) == ("the cause", "https://ci.org/1")
    assert response.headers["Ignored-Fields"] == "status, message"


def test_the_audit_log_says_what_a_late_report_did_not_change(app, admin, send, bakery):
    run = make_run(app, bakery_id=bakery.id, **ENDED | {"completed_at": STARTED_AT})
    send({"run_id": run.id, "status": "queued"})
    entry = admin.get("/audit?sort=desc&limit=1").json[0]
    assert (entry["actor"], entry["resource"], entry["resource_id"]) == ("runner", "recipe_runs", run.id)
    assert (entry["action"], entry["details"]) == ("report_recipe_run", {"ignored": ["status"]})


def test_a_conclusion_is_corrected_by_a_later_report(app, send, bakery):
    run = make_run(app, bakery_id=bakery.id, status="completed", conclusion="timed_out", completed_at=STARTED_AT)
    assert send({"run_id": run.id, "conclusion": "success"}).json["conclusion"] == "success"


def test_a_report_that_changes_nothing_leaves_no_trace(app, admin, send, bakery):
    run = make_run(app, bakery_id=bakery.id)
    before = admin.get("/audit?count=true").headers["X-Total-Count"]
    assert "Ignored-Fields" not in send({"run_id": run.id, "status": "queued"}).headers
    assert admin.get("/audit?count=true").headers["X-Total-Count"] == before


def test_a_report_describes_the_dataset_that_the_run_has_published(client, send, new):
    run = send(
        new | ENDED | {"started_at": "2022-03-03T02:00:00Z", "dataset_public_url": URL, "description": DESCRIPTION}
    )
    found = client.get(f"/datasets/{run.json['id']}/description").json
    assert (found["dimensions"], found["source"], found["run_id"]) == ({"time": 3}, "runner", run.json["id"])


def test_a_later_report_describes_the_dataset_too(client, send, new):
    send(new)
    run = send({"external_id": "job-1", "conclusion": "success", "dataset_public_url": URL, "description": DESCRIPTION})
    assert client.get(f"/datasets/{run.json['id']}/description").json["engine"] == "zarr"


def test_a_description_without_a_dataset_is_422_and_nothing_is_stored(client, send, new):
    response = send(new | {"conclusion": "failure", "description": DESCRIPTION})
    assert [error["pointer"] for error in response.json["errors"]] == ["/description"]
    assert client.get("/stats/recipe_runs").json == {"count": 0}


def test_a_description_of_an_older_build_is_ignored(client, send, new):
    built = {"conclusion": "success", "dataset_public_url": URL}
    first = send(new | built).json
    send(new | built | {"external_id": "job-2"})
    response = send({"run_id": first["id"], "description": DESCRIPTION})
    assert (response.status_code, response.headers["Ignored-Fields"]) == (200, "description")
    assert client.get(f"/datasets/{first['id']}/description").status_code == 404


def lines(client, run):
    found = client.get(f"/recipe_runs/{run['id']}/logs").json["logs"]
    return [(line["level"], line["message"]) for line in found]


@pytest.mark.parametrize("log", ["one\ntwo\n", [{"message": "one"}, {"message": "two", "level": "info"}]])
def test_a_report_appends_to_the_log(runner, send, new, log):
    run = send(new | {"log": log}).json
    assert lines(runner, run) == [("info", "one"), ("info", "two")]
    late = {"message": "three", "level": "error", "timestamp": "2026-01-01T00:00:00Z"}
    send({"external_id": "job-1", "log": [late]})
    assert lines(runner, run)[2:] == [("error", "three")]


def test_a_late_report_appends_to_the_log_too(app, runner, send, bakery):
    run = make_run(app, bakery_id=bakery.id, **ENDED | {"completed_at": STARTED_AT})
    response = send({"run_id": run.id, "status": "in_progress", "log": "installing"})
    assert response.headers["Ignored-Fields"] == "status"
    assert lines(runner, response.json) == [("info", "installing")]


def test_the_log_of_a_report_contains_no_secrets(runner, send, new):
    key = runner.environ_base["HTTP_X_API_KEY"]
    run = send(new | {"log": f"curl -H 'X-API-Key: {key}'"}).json
    assert key not in lines(runner, run)[0][1]


def test_a_failure_is_explained_from_the_log_of_its_report(send, new):
    failure = send(new | {"conclusion": "failure", "log": "MemoryError\n"}).json["failure"]
    assert failure["class"] == "out_of_memory"


@pytest.mark.parametrize("log", [5, {}, [{}], [{"message": 1}], ["text"], [{"message": "a", "nope": 1}]])
def test_a_log_is_a_text_or_a_list_of_lines(send, new, log):
    response = send(new | {"log": log})
    assert response.status_code == 422
    assert all(error["pointer"].startswith("/log") for error in response.json["errors"])


def test_two_first_reports_at_the_same_moment_create_one_run(app, bakery, new, admin):
    key = admin.environ_base["HTTP_X_API_KEY"]

    def report(_number):
        return client_with(app, key).post(f"/bakeries/{bakery.id}/reports", json=new)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(report, range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json["id"] for answer in answers}) == 1


def test_a_report_for_a_bakery_that_does_not_exist_is_404(admin):
    response = admin.post("/bakeries/99999/reports", json={"external_id": "a"})
    assert refusal(response) == (404, "bakery 99999 not found")


def test_a_time_is_corrected_like_that_of_a_patch(app, send, bakery):
    run = make_run(app, bakery_id=bakery.id)
    ahead = now() + timedelta(minutes=5)
    response = send({"run_id": run.id, "conclusion": "success", "completed_at": ahead.isoformat()})
    assert datetime.fromisoformat(response.json["completed_at"]) <= datetime.now(UTC)
