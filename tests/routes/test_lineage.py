"""Run events of OpenLineage."""

from copy import deepcopy

import pytest

from app.schemas.openlineage import EXAMPLE, TYPES
from app.schemas.recipe_runs import MESSAGE_MAX
from tests.support.factories import make_bakery, make_feedstock, make_run
from tests.support.signed import post_signed

RUN_ID = EXAMPLE["run"]["runId"]


@pytest.fixture
def bakery(app):
    make_feedstock(app, spec="pangeo-forge/gpcp-feedstock")
    return make_bakery(app)


@pytest.fixture
def send(writer, bakery):
    return lambda event: writer.post(f"/bakeries/{bakery.id}/lineage", json=event)


def event(event_type="START", time="2026-03-03T02:00:00Z", run=None, job=None, outputs=()):
    """An event of the run of the example, with these facets of the run and of its job."""
    made = deepcopy(EXAMPLE) | {"eventType": event_type, "eventTime": time, "outputs": list(outputs)}
    made["run"]["facets"] = run or {}
    if job is not None:
        made["job"]["facets"] = job
    return made


def output(**facets):
    return {"namespace": "s3://bucket", "name": "a.zarr", "facets": facets}


def test_a_start_creates_a_run(send, bakery):
    response = send(event())
    run = response.json
    assert (response.status_code, run["external_id"], run["bakery_id"]) == (201, RUN_ID, bakery.id)
    assert (run["recipe_id"], run["head_sha"]) == ("gpcp", "35d889f7c89e9f0d72353a0649ed1cd8da04826b")
    assert (run["status"], run["started_at"]) == ("in_progress", "2026-03-03T02:00:00Z")


@pytest.mark.parametrize(
    ("event_type", "status", "conclusion"),
    [
        ("RUNNING", "in_progress", None),
        ("COMPLETE", "completed", "success"),
        ("FAIL", "completed", "failure"),
        ("ABORT", "completed", "cancelled"),
        ("OTHER", "in_progress", None),
    ],
)
def test_each_type_of_event_changes_the_run(send, event_type, status, conclusion):
    run = send(event()).json
    response = send(event(event_type, "2026-03-03T02:30:00Z"))
    assert (response.status_code, response.json["id"]) == (200, run["id"])
    assert (response.json["status"], response.json["conclusion"]) == (status, conclusion)
    assert response.json["completed_at"] == ("2026-03-03T02:30:00Z" if conclusion else None)


def test_events_in_the_wrong_order_are_accepted(send):
    send(event("COMPLETE", "2026-03-03T02:30:00Z"))
    response = send(event("START"))
    assert (response.status_code, response.json["status"]) == (200, "completed")
    assert response.headers["Ignored-Fields"] == "status, started_at"


def test_every_type_of_the_specification_is_known():
    assert set(TYPES) == {"START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER"}


def test_an_event_without_a_type_is_like_other(send):
    send(event())
    plain = event()
    del plain["eventType"]
    assert send(plain).json["status"] == "in_progress"


@pytest.mark.parametrize("time", ["2026-03-03T12:00:00.001+10:00", "2026-03-03T02:00:00.001000Z"])
def test_times_have_offsets_and_fractions(send, time):
    assert send(event(time=time)).json["started_at"] == "2026-03-03T02:00:00.001000Z"


def test_the_message_is_that_of_the_error_and_its_trace(send):
    error = {"message": "boom", "programmingLanguage": "PYTHON", "stackTrace": "Traceback\0\nboom"}
    assert send(event("FAIL", run={"errorMessage": error})).json["message"] == "boom\n\nTraceback\nboom"


def test_of_a_long_trace_the_end_is_kept(send):
    error = {"message": "boom", "programmingLanguage": "PYTHON", "stackTrace": "x" * MESSAGE_MAX + "the cause"}
    message = send(event("FAIL", run={"errorMessage": error})).json["message"]
    assert (len(message), message[-9:]) == (MESSAGE_MAX, "the cause")


def test_the_dataset_is_the_first_output_with_an_address(send):
    source = {"name": "data.org", "uri": "https://data.org/a.zarr"}
    facets = {"dataSource": source, "storage": {"storageLayer": "s3", "fileFormat": "Icechunk"}}
    outputs = [output(), output(**facets, version={"datasetVersion": "VY76"})]
    run = send(event("COMPLETE", outputs=outputs)).json
    assert (run["dataset_public_url"], run["dataset_type"]) == ("https://data.org/a.zarr", "icechunk")
    assert run["snapshot_id"] == "VY76"


def test_a_file_format_that_is_not_known_is_ignored(send):
    facets = {"dataSource": {"uri": "https://data.org/a"}, "storage": {"fileFormat": "orc"}}
    assert send(event("COMPLETE", outputs=[output(**facets)])).json["dataset_type"] is None


@pytest.mark.parametrize(
    ("key", "value", "is_test"), [("is_test", "True", True), ("is_test", "no", False), ("a", "true", False)]
)
def test_a_tag_marks_a_test(send, key, value, is_test):
    tags = {"tags": [{"key": key, "value": value, "source": "USER"}]}
    assert send(event(run={"tags": tags})).json["is_test"] is is_test


@pytest.mark.parametrize(
    ("location", "head_sha"),
    [
        ({"repoUrl": "git@github.com:pangeo-forge/gpcp-feedstock.git", "version": "abc", "branch": "main"}, "abc"),
        ({"repoUrl": "https://github.com/pangeo-forge/gpcp-feedstock", "tag": "v1", "branch": "main"}, "v1"),
        ({"repoUrl": "https://github.com/pangeo-forge/gpcp-feedstock", "branch": "main"}, "main"),
    ],
)
def test_the_commit_is_the_version_or_the_tag_or_the_branch(send, location, head_sha):
    run = send(event(job={"sourceCodeLocation": {"type": "git", "url": "https://a.org"} | location}))
    assert (run.status_code, run.json["head_sha"]) == (201, head_sha)


def test_an_unknown_run_without_a_location_is_404_with_what_is_missing(send, bakery):
    response = send(event(job={}))
    assert response.status_code == 404
    assert response.json["detail"] == (
        f"recipe run with external_id '{RUN_ID}' not found in bakery {bakery.id}. To create it, also send feedstock, "
        "head_sha."
    )


def test_a_run_that_is_known_needs_no_location(app, send, bakery):
    run = make_run(app, bakery_id=bakery.id, external_id=RUN_ID)
    assert send(event("RUNNING", job={})).json["id"] == run.id


def test_a_later_event_may_be_of_a_job_with_another_name(app, send, bakery):
    make_run(app, bakery_id=bakery.id, external_id=RUN_ID, recipe_id="other")
    run = send(event("COMPLETE")).json
    assert (run["recipe_id"], run["status"]) == ("other", "completed")


def test_unknown_facets_are_ignored(send):
    facets = {"environmentVariables": {"environmentVariables": [{"name": "A", "value": "b"}]}}
    made = event(run=facets)
    made["job"]["facets"]["jobType"] = {"processingType": "BATCH", "integration": "BEAM", "jobType": "JOB"}
    assert send(made | {"another": 1}).status_code == 201


NULL_TAGS = {"tags": [None, {"key": "retries", "value": None}, {"key": None, "value": "1"}]}
NULLS = [
    {"eventType": None, "outputs": None},
    {"run": {"runId": RUN_ID, "facets": None}},
    {"run": {"runId": RUN_ID, "facets": {"errorMessage": None, "tags": None}}},
    {"run": {"runId": RUN_ID, "facets": {"errorMessage": {"message": None, "stackTrace": None}, "tags": NULL_TAGS}}},
    {"outputs": [None, {"facets": None}, output(dataSource=None, storage=None, version=None)]},
    {"outputs": [output(dataSource={"uri": "https://a.org/b"}, storage={"fileFormat": None}, version={})]},
    {"job": EXAMPLE["job"] | {"facets": None}},
    {"job": EXAMPLE["job"] | {"facets": {"sourceCodeLocation": {"repoUrl": None, "version": None, "tag": None}}}},
]


@pytest.mark.parametrize("nulls", NULLS)
def test_null_is_like_a_missing_field(send, nulls):
    run = send(event()).json
    response = send(event("RUNNING") | nulls)
    assert (response.status_code, response.json["id"], response.json["status"]) == (200, run["id"], "in_progress")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"run": {}}, "/run/runId"),
        ({"run": None}, "/run"),
        ({"run": {"runId": None}}, "/run/runId"),
        ({"eventTime": None}, "/eventTime"),
        ({"job": {"namespace": "a"}}, "/job/name"),
        ({"eventType": "NOPE"}, "/eventType"),
        ({"eventTime": "yesterday"}, "/eventTime"),
        (
            {"outputs": [{"facets": {"dataSource": {"uri": "https://user:pass@a.org/"}}}]},
            "/outputs/0/facets/dataSource/uri",
        ),
        ({"outputs": 5}, "/outputs"),
    ],
)
def test_an_event_that_is_wrong_is_422(send, change, pointer):
    response = send(event() | change)
    assert (response.status_code, [error["pointer"] for error in response.json["errors"]]) == (422, [pointer])


def test_an_event_of_a_dataset_is_422(send):
    made = event()
    del made["run"], made["job"]
    assert [error["pointer"] for error in send(made).json["errors"]] == ["/run", "/job"]


def test_events_may_be_signed(admin, client, bakery):
    secret = admin.post(f"/bakeries/{bakery.id}/webhook-secret", json={}).json["secret"]
    assert post_signed(client, f"/bakeries/{bakery.id}/lineage", secret, event()).status_code == 201
