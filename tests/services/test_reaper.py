from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import null

from app.database.columns import now
from app.extensions import db
from app.models import RecipeRun, RecipeRunEvent
from app.services import reaper
from tests.support.apps import make_app
from tests.support.databases import application
from tests.support.factories import make_bakery, make_feedstock, make_run
from tests.support.threads import at_once


def reap(app, *options):
    return app.test_cli_runner().invoke(args=["runs", "reap", *options])


def counts(output):
    return {line[:28].strip(): int(line[28:]) for line in output.splitlines() if line[28:].strip().isdigit()}


def ago(**duration):
    return now() - timedelta(**duration)


@pytest.mark.parametrize(
    ("columns", "outcome"),
    [
        ({"started_at": ago(days=15)}, "stale"),
        ({"started_at": ago(days=13)}, None),
        ({"started_at": ago(days=400), "created_at": ago(days=1)}, None),
        ({"status": "in_progress", "started_at": ago(days=8)}, "timed_out"),
        ({"status": "in_progress", "started_at": ago(days=6)}, None),
        ({"status": "in_progress", "started_at": ago(days=-400)}, "timed_out"),
        ({"status": "queued", "started_at": ago(days=-400)}, "stale"),
        ({"status": "in_progress", "started_at": ago(minutes=-5)}, None),
        ({"status": "in_progress", "conclusion": "failure", "completed_at": ago(days=1)}, "failure"),
    ],
)
def test_the_reaper_ends_a_run_that_is_past_its_limit(app, client, columns, outcome):
    run = make_run(app, **{"created_at": null()} | columns)
    assert reap(app).exit_code == 0
    answer = client.get(f"/recipe_runs/{run.id}").json
    assert (answer["status"] == "completed", answer["conclusion"]) == (outcome is not None, outcome)


def test_a_bakery_sets_its_own_limit(app, client):
    bakery = make_bakery(app)
    said = app.test_cli_runner().invoke(args=["runs", "timeout", bakery.name, "90"])
    assert said.output == f"A run may be in progress in {bakery.name} for 90 minutes.\n"
    late = make_run(app, bakery_id=bakery.id, status="in_progress", started_at=ago(minutes=95))
    early = make_run(app, bakery_id=bakery.id, status="in_progress", started_at=ago(minutes=85))
    reap(app)
    assert [client.get(f"/recipe_runs/{run.id}").json["conclusion"] for run in (late, early)] == ["timed_out", None]


def test_the_time_in_progress_is_measured_from_the_event_and_not_from_started_at(app, admin):
    run = make_run(app, started_at=ago(days=8))
    admin.patch(f"/recipe_runs/{run.id}", json={"status": "in_progress"})
    assert counts(reap(app).output) == {"in_progress -> unchanged": 1, "total": 1}


@pytest.mark.parametrize(
    "command", [["timeout", "laptop", "525601"], ["timeout", "laptop", "0"], ["reap", "--older-than", "36501"]]
)
def test_a_time_out_of_range_is_refused(app, command):
    result = app.test_cli_runner().invoke(args=["runs", *command])
    assert result.exit_code == 2
    assert "is not in the range" in result.output


def test_ending_a_run_is_an_event_of_the_system_with_its_reason(app, client):
    run = make_run(app, started_at=ago(days=30), created_at=null())
    reap(app)
    (event,) = client.get(f"/recipe_runs/{run.id}/events").json
    assert (event["actor"], event["reason"]) == ("system", "It was queued for more than 14 days.")
    assert event["to"]["conclusion"] == "stale"


def test_a_dry_run_says_what_would_happen_and_changes_nothing(app, client):
    run = make_run(app, started_at=ago(days=30), created_at=null())
    make_run(app)
    before = client.get("/recipe_runs/").json
    output = reap(app, "--dry-run").output
    assert counts(output) == {"queued -> stale": 1, "queued -> unchanged": 1, "total": 2}
    assert "Nothing was changed" in output
    assert client.get("/recipe_runs/").json == before
    assert client.get(f"/recipe_runs/{run.id}/events").json == []


def test_older_than_sets_how_many_days_a_run_may_be_queued(app):
    make_run(app, started_at=ago(days=3), created_at=null())
    assert counts(reap(app, "--older-than", "2").output) == {"queued -> stale": 1, "total": 1}


def test_a_second_reaper_run_ends_nothing(app):
    make_run(app, started_at=ago(days=30), created_at=null())
    assert counts(reap(app).output)["total"] == 1
    assert counts(reap(app).output) == {"total": 0}


def test_an_interrupted_reaper_keeps_its_finished_batches(app, monkeypatch):
    monkeypatch.setattr(reaper, "BATCH", 2)
    parents = {"bakery_id": make_bakery(app).id, "feedstock_id": make_feedstock(app).id}
    for _ in range(5):
        make_run(app, started_at=ago(days=30), created_at=null(), **parents)
    with app.app_context():
        next(reaper.reap(now(), reaper.QUEUED_LIMIT, dry_run=False))
        db.session.commit()
    assert counts(reap(app).output) == {"queued -> stale": 3, "total": 3}


def test_two_concurrent_reapers_end_every_run_once(migrated_url, long_timeouts):
    waiting = long_timeouts(migrated_url)
    with application(migrated_url, waiting) as app, application(migrated_url, waiting) as other:
        parents = {"bakery_id": make_bakery(app).id, "feedstock_id": make_feedstock(app).id}
        for _ in range(40):
            make_run(app, started_at=ago(days=30), created_at=null(), **parents)
        at_once(partial(reap, app), partial(reap, other))
        reap(app)
        with app.app_context():
            assert db.session.query(RecipeRun).filter_by(conclusion="stale").count() == 40
            assert db.session.query(RecipeRunEvent).count() == 40


def test_the_reaper_reports_an_outdated_database(empty_url):
    result = reap(make_app(empty_url))
    assert result.exit_code == 1
    assert "run `flask db upgrade`" in result.output


def test_the_limit_of_a_bakery_can_be_removed(app):
    bakery = make_bakery(app, timeout_minutes=90)
    app.test_cli_runner().invoke(args=["runs", "timeout", bakery.name])
    make_run(app, bakery_id=bakery.id, status="in_progress", started_at=ago(days=1))
    assert counts(reap(app).output) == {"in_progress -> unchanged": 1, "total": 1}


def test_the_limit_of_a_missing_bakery_is_one_sentence(app):
    result = app.test_cli_runner().invoke(args=["runs", "timeout", "nowhere", "90"])
    assert (result.exit_code, result.output) == (1, "Error: bakery 'nowhere' not found\n")
