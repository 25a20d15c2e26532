"""Statistics of runs equal those that plain Python computes, and are right in edge cases."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest

from app.models.recipe_runs import CONCLUSIONS
from app.models.run_sums import EXACT
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock, make_run

NO_CONCLUSIONS = dict.fromkeys(CONCLUSIONS, 0)
ENDED = {"status": "completed", "conclusion": "success"}


def make_runs(app, lengths, **columns):
    """Runs of these durations, of one feedstock in one bakery."""
    parents = {"bakery_id": make_bakery(app).id, "feedstock_id": make_feedstock(app).id}
    ends = [STARTED_AT + timedelta(seconds=length) for length in lengths]
    return [make_run(app, completed_at=end, **parents | ENDED | columns) for end in ends]


def about(seconds):
    """A percentile, which is exact below 128 seconds, else within one percent."""
    return pytest.approx(seconds, rel=0.01) if seconds >= EXACT else seconds


def durations(client):
    return client.get("/stats/overview").json["duration"]


def test_stats_without_runs_are_empty(client):
    assert client.get("/stats/overview").json == {
        "runs": 0,
        "by_status": {"queued": 0, "in_progress": 0, "completed": 0},
        "by_conclusion": NO_CONCLUSIONS,
        "success_rate": None,
        "duration": {"runs": 0, "median": None, "p90": None},
        "queue": {"runs": 0, "oldest": None, "age": None},
        "weeks": [],
    }


def test_runs_are_counted_by_status_and_conclusion(app, client):
    for status in ("queued", "queued", "in_progress"):
        make_run(app, status=status)
    make_run(app, status="completed", conclusion="stale")
    body = client.get("/stats/overview").json
    assert body["runs"] == 4
    assert body["by_status"] == {"queued": 2, "in_progress": 1, "completed": 1}
    assert body["by_conclusion"] == NO_CONCLUSIONS | {"stale": 1}


def test_an_unknown_status_is_counted(app, client):
    make_run(app, status="paused")
    assert client.get("/stats/overview").json["by_status"]["paused"] == 1


def test_the_success_rate_counts_success_failure_and_timed_out(app, client):
    for conclusion in ("success", "failure", "timed_out", "timed_out", "cancelled", "stale", "neutral"):
        make_run(app, status="completed", conclusion=conclusion)
    assert client.get("/stats/overview").json["success_rate"] == 0.25


@pytest.mark.parametrize("number", [1, 2, 3, 9, 10, 11, 40])
def test_percentiles_are_by_nearest_rank(app, client, number):
    chance = random.Random(number)
    lengths = [chance.choice((60, chance.uniform(0, 10_000))) for _ in range(number)]
    make_runs(app, lengths)
    ranked = sorted(math.floor(length) for length in lengths)
    median, p90 = (ranked[math.ceil(number * share) - 1] for share in (0.5, 0.9))
    assert durations(client) == {"runs": number, "median": about(median), "p90": about(p90)}


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("10.0", "11.0", 1),
        ("10.9", "11.1", 0),
        ("10.0", "10.999999", 0),
        ("10.9996", "11.9995", 0),
        ("59.9", "60.9", 1),
    ],
)
def test_durations_are_whole_seconds(app, client, start, end, expected):
    times = [datetime(2022, 3, 3, tzinfo=UTC) + timedelta(seconds=float(text)) for text in (start, end)]
    make_run(app, started_at=times[0], completed_at=times[1], **ENDED)
    assert durations(client)["median"] == expected


def test_a_duration_of_decades_is_right_to_a_percent(app, client):
    first, last = datetime(2000, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    make_run(app, started_at=first, completed_at=last, **ENDED)
    assert durations(client)["median"] == about((last - first) // timedelta(seconds=1))


@pytest.mark.parametrize(
    "columns",
    [
        {"completed_at": None},
        {"completed_at": STARTED_AT - timedelta(microseconds=1)},
        {"completed_at": datetime.max.replace(tzinfo=UTC)},
        {"started_at": datetime.min.replace(tzinfo=UTC)},
        {"conclusion": "stale"},
        {"conclusion": "timed_out"},
        {"conclusion": None, "status": "in_progress"},
    ],
)
def test_cancelled_and_stale_runs_have_no_duration(app, client, columns):
    make_run(app, **ENDED | {"completed_at": STARTED_AT} | columns)
    assert durations(client) == {"runs": 0, "median": None, "p90": None}


def test_the_age_of_the_queue_is_that_of_its_oldest_run(app, client):
    make_run(app, started_at=STARTED_AT - timedelta(days=9), status="in_progress")
    make_run(app, created_at=STARTED_AT, started_at=STARTED_AT - timedelta(days=1))
    make_run(app, created_at=None, started_at=STARTED_AT + timedelta(days=1))
    queue = client.get("/stats/overview").json["queue"]
    age = (datetime.now(UTC) - STARTED_AT) // timedelta(minutes=1)
    assert (queue["runs"], queue["oldest"]) == (2, "2022-03-03T02:29:54Z")
    assert age - 1 <= queue["age"] <= age


@pytest.mark.parametrize(
    ("day", "monday"),
    [
        ("2022-03-06T23:59:59", "2022-02-28"),
        ("2022-03-07T00:00:00", "2022-03-07"),
        ("2022-03-13T12:00:00", "2022-03-07"),
        ("2021-01-01T00:00:00", "2020-12-28"),
    ],
)
def test_weeks_begin_on_monday(app, client, day, monday):
    make_run(app, started_at=datetime.fromisoformat(day).replace(tzinfo=UTC))
    assert [week["week"] for week in client.get("/stats/overview").json["weeks"]] == [monday]


@pytest.mark.parametrize("year", [1, 9999])
def test_a_run_with_impossible_times_is_counted_in_no_week(app, client, year):
    make_run(app, started_at=datetime(year, 1, 1, tzinfo=UTC))
    overview = client.get("/stats/overview").json
    assert (overview["runs"], overview["weeks"]) == (1, [])


def test_runs_are_counted_by_week(app, client):
    make_runs(app, [1, 2])
    make_run(app, started_at=STARTED_AT + timedelta(days=14), status="completed", conclusion="failure")
    make_run(app, started_at=STARTED_AT + timedelta(days=14))
    assert client.get("/stats/overview").json["weeks"] == [
        {"week": "2022-02-28", "runs": 2, "by_conclusion": NO_CONCLUSIONS | {"success": 2}},
        {"week": "2022-03-14", "runs": 2, "by_conclusion": NO_CONCLUSIONS | {"failure": 1}},
    ]


@pytest.mark.parametrize(
    ("query", "runs"),
    [
        ("bakery_id={0.bakery_id}", 3),
        ("feedstock_id={0.feedstock_id}", 3),
        ("type=test", 3),
        ("type=production", 2),
        ("type=all", 5),
        ("since=2022-03-03T02:29:54Z", 3),
        ("since=2022-03-03T02:29:55Z", 0),
        ("bakery_id=99", 0),
    ],
)
def test_stats_can_be_filtered(app, client, query, runs):
    first, *_ = make_runs(app, [1, 2, 3], is_test=True)
    make_runs(app, [4, 5], started_at=STARTED_AT - timedelta(seconds=1))
    body = client.get(f"/stats/overview?{query.format(first)}").json
    assert (body["runs"], body["duration"]["runs"]) == (runs, runs)


@pytest.mark.parametrize("query", ["since=yesterday", "bakery_id=0", "feedstock_id=x", "type=none", "until=2022"])
def test_an_invalid_filter_of_stats_is_422(client, query):
    assert client.get(f"/stats/overview?{query}").status_code == 422


def test_unchanged_stats_are_304(app, client, writer):
    run = make_run(app, completed_at=STARTED_AT, **ENDED)
    seen = {"If-None-Match": client.get("/stats/overview").headers["ETag"]}
    assert client.get("/stats/overview", headers=seen).status_code == 304
    writer.patch(f"/recipe_runs/{run.id}", json={"conclusion": "failure"})
    assert client.get("/stats/overview", headers=seen).status_code == 200
