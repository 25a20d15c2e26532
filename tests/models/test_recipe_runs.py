from datetime import UTC, datetime, timedelta

import pytest

from app.database.columns import now
from tests.support.factories import STARTED_AT, make_run, run_body

STATES = {
    "queued": {"status": "queued"},
    "in_progress": {"status": "in_progress"},
    "completed": {"status": "completed", "conclusion": "success", "completed_at": STARTED_AT},
}
MOVES = {
    "queued": {"queued", "in_progress", "completed"},
    "in_progress": {"in_progress", "completed"},
    "completed": {"completed"},
}


@pytest.mark.parametrize("target", STATES)
@pytest.mark.parametrize("state", STATES)
def test_a_run_moves_forward_only(app, writer, state, target):
    run = make_run(app, **STATES[state])
    conclusion = {"conclusion": "success"} if target == "completed" else {}
    response = writer.patch(f"/recipe_runs/{run.id}", json={"status": target} | conclusion)
    assert response.status_code == (200 if target in MOVES[state] else 409)
    stored = writer.get(f"/recipe_runs/{run.id}").json["status"]
    assert stored == (target if target in MOVES[state] else state)


def test_a_refused_transition_says_what_is_allowed(app, writer):
    run = make_run(app, **STATES["completed"])
    response = writer.patch(f"/recipe_runs/{run.id}", json={"status": "queued"})
    assert response.json["detail"] == (
        f"recipe run {run.id} is completed and cannot become queued, only completed. "
        f"A new attempt is a new run whose rerun_of is {run.id}."
    )


def test_a_conclusion_completes_a_run_at_the_current_time(app, writer):
    run = make_run(app, **STATES["in_progress"])
    answer = writer.patch(f"/recipe_runs/{run.id}", json={"conclusion": "neutral"}).json
    assert (answer["status"], answer["conclusion"]) == ("completed", "neutral")
    assert now() - datetime.fromisoformat(answer["completed_at"]) < timedelta(minutes=1)


def test_a_given_time_of_completion_is_kept(app, writer):
    run = make_run(app)
    body = {"status": "completed", "conclusion": "success", "completed_at": "2022-03-04T00:00:00.5Z"}
    assert writer.patch(f"/recipe_runs/{run.id}", json=body).json["completed_at"] == "2022-03-04T00:00:00.500000Z"


def test_a_run_that_starts_in_the_future_completes_now(app, writer):
    run = make_run(app, started_at=datetime(9000, 1, 1, tzinfo=UTC))
    answer = writer.patch(f"/recipe_runs/{run.id}", json={"conclusion": "cancelled"}).json
    assert now() - datetime.fromisoformat(answer["completed_at"]) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("state", "body", "pointer", "detail"),
    [
        ("queued", {"status": "completed"}, "/conclusion", "conclusion: Required when a run completes."),
        (
            "queued",
            {"status": "in_progress", "conclusion": "failure"},
            "/conclusion",
            "conclusion: Only a completed run can have this field, and the run would be in_progress.",
        ),
        (
            "queued",
            {"completed_at": "2023-01-01T00:00:00Z"},
            "/completed_at",
            "completed_at: Only a completed run can have this field, and the run would be queued.",
        ),
        (
            "in_progress",
            {"conclusion": "success", "completed_at": "2022-03-03T02:19:53Z"},
            "/completed_at",
            "completed_at: Must not be before started_at.",
        ),
        (
            "completed",
            {"started_at": "2023-01-01T00:00:00Z"},
            "/completed_at",
            "completed_at: Must not be before started_at.",
        ),
        ("completed", {"conclusion": None}, "/conclusion", "conclusion: Required when a run completes."),
        (
            "completed",
            {"completed_at": None},
            "/completed_at",
            "completed_at: The end time of a completed run cannot be removed.",
        ),
        (
            "queued",
            {"conclusion": "stale"},
            "/conclusion",
            "conclusion: Only the service itself can set the conclusion stale.",
        ),
    ],
)
def test_contradictory_values_are_422(app, writer, state, body, pointer, detail):
    run = make_run(app, **STATES[state])
    before = writer.get(f"/recipe_runs/{run.id}").json
    response = writer.patch(f"/recipe_runs/{run.id}", json=body)
    assert response.status_code == 422
    assert response.json["errors"] == [{"in": "body", "pointer": pointer, "detail": detail}]
    assert writer.get(f"/recipe_runs/{run.id}").json == before


def test_the_conclusion_of_a_completed_run_may_be_corrected(app, writer):
    run = make_run(app, **STATES["completed"])
    answer = writer.patch(f"/recipe_runs/{run.id}", json={"conclusion": "failure"}).json
    assert (answer["conclusion"], answer["completed_at"]) == ("failure", "2022-03-03T02:29:54Z")


def test_a_stale_run_may_be_sent_back_unchanged(app, writer):
    run = make_run(app, **STATES["completed"] | {"conclusion": "stale"})
    body = {"status": "completed", "conclusion": "stale", "message": "seen"}
    assert writer.patch(f"/recipe_runs/{run.id}", json=body).status_code == 200


@pytest.mark.parametrize(
    ("fields", "status", "completed"),
    [
        ({}, "queued", False),
        ({"status": "in_progress"}, "in_progress", False),
        ({"conclusion": "success"}, "completed", True),
        ({"status": "completed", "conclusion": "skipped"}, "completed", True),
    ],
)
def test_a_new_run_starts_in_any_status(app, writer, fields, status, completed):
    answer = writer.post("/recipe_runs/", json=run_body(app, **fields)).json
    assert (answer["status"], answer["completed_at"] is not None) == (status, completed)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "completed"},
        {"status": "queued", "conclusion": "success"},
        {"completed_at": "2023-01-01T00:00:00Z"},
        {"conclusion": "stale"},
        {"conclusion": "success", "completed_at": "2022-03-03T02:19:53Z"},
    ],
)
def test_a_new_run_with_contradictory_values_is_422_and_not_created(app, writer, fields):
    assert writer.post("/recipe_runs/", json=run_body(app, **fields)).status_code == 422
    assert writer.get("/stats/recipe_runs").json == {"count": 0}


# Rows like these are in the original's database. They stay readable and can be repaired.
LEGACY = [
    ({"status": "in_progress", "conclusion": "failure", "completed_at": STARTED_AT}, {"status": "completed"}),
    ({"status": "completed", "conclusion": "success"}, {"completed_at": "2022-03-04T00:00:00Z"}),
    ({"status": "completed"}, {"conclusion": "failure"}),
    (
        {"status": "completed", "conclusion": "success", "completed_at": STARTED_AT - timedelta(hours=2)},
        {"completed_at": "2022-03-04T00:00:00Z"},
    ),
]


@pytest.mark.parametrize(("columns", "repair"), LEGACY)
def test_a_row_that_breaks_the_rules_is_readable_and_can_be_repaired(app, writer, columns, repair):
    run = make_run(app, **columns)
    path = f"/recipe_runs/{run.id}"
    assert writer.get(path).json["status"] == columns["status"]
    assert writer.patch(path, json={"message": "a note"}).status_code == 200
    repaired = writer.patch(path, json=repair)
    assert (repaired.status_code, repaired.json["status"]) == (200, "completed")


def test_correcting_an_old_conclusion_sets_no_completion_time(app, writer):
    run = make_run(app, status="completed", conclusion="success")
    assert writer.patch(f"/recipe_runs/{run.id}", json={"conclusion": "failure"}).json["completed_at"] is None


def test_a_rerun_names_the_run_it_repeats_while_that_exists(app, writer):
    first = make_run(app)
    again = writer.post("/recipe_runs/", json=run_body(app, rerun_of=first.id)).json
    assert again["rerun_of"] == first.id
    writer.delete(f"/recipe_runs/{first.id}")
    assert writer.get(f"/recipe_runs/{again['id']}").json["rerun_of"] is None


def test_a_rerun_of_a_missing_run_is_422(app, writer):
    response = writer.post("/recipe_runs/", json=run_body(app, rerun_of=99))
    assert response.json["errors"] == [{"in": "body", "pointer": "/rerun_of", "detail": "recipe run 99 not found"}]


def test_a_run_cannot_repeat_itself_or_a_later_run(app, writer):
    run, later = make_run(app), make_run(app)
    for number in (run.id, later.id):
        response = writer.patch(f"/recipe_runs/{run.id}", json={"rerun_of": number})
        assert response.json["errors"][0]["detail"] == "rerun_of: Must be an earlier run."
    assert writer.patch(f"/recipe_runs/{later.id}", json={"rerun_of": run.id}).status_code == 200


def test_a_run_with_an_unknown_status_can_be_repaired(app, writer):
    run = make_run(app, status="bogus")
    assert writer.patch(f"/recipe_runs/{run.id}", json={"status": "in_progress"}).json["status"] == "in_progress"
