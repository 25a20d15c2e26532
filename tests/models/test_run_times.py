"""Times of runs are possible: small differences of clocks are corrected, others are refused, stored ones are marked."""

from datetime import UTC, datetime, timedelta

import pytest

from app.database.columns import now, wire_time
from app.models.run_times import CLOCK_DIFFERENCE
from tests.support.factories import STARTED_AT, make_run, run_body

MINUTE = timedelta(minutes=1)
IMPOSSIBLE = {
    "ends_before_start": {"completed_at": STARTED_AT - MINUTE},
    "in_future": {"completed_at": datetime(2999, 1, 1, tzinfo=UTC)},
    "too_early": {"started_at": datetime(1, 1, 1, tzinfo=UTC)},
}
ENDED = {"status": "completed", "conclusion": "success", "completed_at": STARTED_AT}


def history(client, run):
    return client.get(f"/recipe_runs/{run['id']}/events").json


def test_a_start_in_the_next_minutes_becomes_the_present(app, writer):
    reported = now() + 5 * MINUTE
    run = writer.post("/recipe_runs/", json=run_body(app, started_at=wire_time(reported))).json
    assert abs(now() - datetime.fromisoformat(run["started_at"])) < MINUTE
    (event,) = history(writer, run)
    assert event["reason"] == f"The clocks differ: started_at was reported as {reported:%Y-%m-%dT%H:%M:%S.%fZ}."


def test_an_end_minutes_before_the_start_becomes_the_start(app, writer):
    run = make_run(app)
    change = {"conclusion": "success", "completed_at": wire_time(STARTED_AT - 5 * MINUTE), "reason": "Late."}
    answer = writer.patch(f"/recipe_runs/{run.id}", json=change).json
    assert answer["completed_at"] == answer["started_at"]
    reason = history(writer, answer)[-1]["reason"]
    assert reason == "Late. The clocks differ: completed_at was reported as 2022-03-03T02:24:54.000000Z."


def test_each_run_of_a_bulk_has_its_own_correction(app, writer):
    body = run_body(app)
    late = body | {"started_at": wire_time(now() + 5 * MINUTE)}
    runs = writer.post("/recipe_runs/bulk", json={"recipe_runs": [body, late, body]}).json["recipe_runs"]
    reasons = [history(writer, run)[0]["reason"] for run in runs]
    assert [bool(reason) for reason in reasons] == [False, True, False]


@pytest.mark.parametrize("name", ["started_at", "completed_at"])
def test_a_time_in_the_future_is_422_and_the_sentence_has_the_present(app, writer, name):
    time = wire_time(now() + CLOCK_DIFFERENCE + MINUTE)
    response = writer.post("/recipe_runs/", json=run_body(app, conclusion="success", **{name: time}))
    assert response.status_code == 422
    assert response.json["detail"].startswith(f"{name}: Must not be in the future; it is now 20")
    assert writer.get("/recipe_runs/").json == []


def test_a_time_before_the_year_2000_is_422(app, writer):
    response = writer.post("/recipe_runs/", json=run_body(app, started_at="1999-12-31T23:59:59Z"))
    assert response.json["detail"] == "started_at: Must not be before 2000-01-01."


def test_a_run_with_impossible_times_can_be_sent_back_unchanged(app, writer):
    run = make_run(app, **ENDED | IMPOSSIBLE["in_future"])
    sent = {"started_at": wire_time(STARTED_AT), "completed_at": "2999-01-01T00:00:00Z", "message": "new"}
    assert writer.patch(f"/recipe_runs/{run.id}", json=sent).json["message"] == "new"


@pytest.mark.parametrize("problem", IMPOSSIBLE)
def test_a_stored_run_with_impossible_times_is_marked_everywhere(app, writer, problem):
    run = make_run(app, **ENDED | IMPOSSIBLE[problem])
    paths = ("/recipe_runs/", f"/recipe_runs/{run.id}", f"/feedstocks/{run.feedstock_id}")
    listed, single, nested = (writer.get(path).json for path in paths)
    changed = writer.patch(f"/recipe_runs/{run.id}", json={"message": "new"}).json
    found = (listed[0], single, nested["recipe_runs"][0], changed)
    assert [shown["time_problem"] for shown in found] == [problem] * 4
    assert "Impossible times" in writer.get(f"/dashboard/recipe_runs/{run.id}").text
    assert ">impossible<" in writer.get("/dashboard/recipe_runs").text


def test_a_run_that_ends_in_the_future_is_in_no_feed(app, client):
    run = make_run(app, **ENDED | IMPOSSIBLE["in_future"])
    for path in (f"/feedstocks/{run.feedstock_id}/feed.atom", "/feed.atom"):
        assert "<entry>" not in client.get(path).text


@pytest.mark.parametrize(
    "url",
    [
        "https://user:password@host/x",
        "s3://key@bucket/x",
        "https://host/x?X-Amz-Signature=a",
        "https://host/x?a=1&sig=b",
    ],
)
def test_a_dataset_url_with_credentials_is_422(app, writer, url):
    response = writer.post("/recipe_runs/", json=run_body(app, dataset_public_url=url))
    assert response.status_code == 422
    assert response.json["detail"].startswith("dataset_public_url: Must not contain ")
    assert url not in response.text
