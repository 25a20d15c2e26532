"""The page of a run: why it failed, its traceback and its log, and what the reaper will do."""

import re
from datetime import timedelta
from html import unescape

from app.database.columns import now
from app.extensions import db
from app.models import RecipeRun
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock, make_run

TRACE = "\n".join(f"line {number}" for number in range(30)) + "\nModuleNotFoundError: No module named 'fsspec'"


def shown(client, run):
    """The text of the page of a run."""
    return unescape(client.get(f"/dashboard/recipe_runs/{run.id}").text)


def failed(app, **columns):
    """A failed run that is explained."""
    run = make_run(app, **{"status": "completed", "conclusion": "failure", "message": TRACE} | columns)
    with app.app_context():
        db.session.get_one(RecipeRun, run.id).explain()
        db.session.commit()
    return run


def test_the_reason_of_a_failure_comes_first(app, client):
    text = shown(client, failed(app))
    assert text.index('id="reason">') < text.index('id="trace"') < text.index('id="timeline"')
    assert re.search(r'id="reason">[^<]*fsspec', text)
    assert "<strong>Next step:</strong>" in text
    assert "<pre class=\"evidence\">ModuleNotFoundError: No module named 'fsspec'</pre>" in text
    assert re.search(r"<li>for the [a-z ]+</li>", text)
    assert re.search(r"by the rule <code>[a-z-]+</code>", text)


def test_a_failure_without_a_class_says_how_to_explain_it(app, client):
    text = shown(client, make_run(app, status="completed", conclusion="failure"))
    assert "<code>flask runs explain</code>" in text


def test_the_last_lines_of_a_traceback_are_shown_before_all_of_it(app, client):
    text = shown(client, failed(app))
    assert "Its last 12 of 31 lines." in text
    assert re.search(
        r"<pre>line 19\n.*?fsspec'</pre>\s*<details>.*?<pre class=\"scroll\" id=\"trace-text\"", text, re.S
    )
    assert '<a class="anchor" href="#trace">' in text
    assert 'data-copy="trace-text"' in text


def succeeded(app, run, **columns):
    """A successful run of the same recipe."""
    same = {"bakery_id": run.bakery_id, "feedstock_id": run.feedstock_id, "started_at": STARTED_AT - timedelta(days=1)}
    return make_run(app, **{"status": "completed", "conclusion": "success"} | same | columns)


def test_a_failure_is_compared_with_the_last_success_of_the_recipe(app, client):
    run = failed(app, feedstock_id=make_feedstock(app, spec="a/sst-feedstock").id)
    succeeded(app, run, recipe_id="another"), succeeded(app, run, started_at=STARTED_AT - timedelta(days=2))
    good = succeeded(app, run, head_sha="bbbbbbb", version="0.9")
    text = shown(client, run)
    assert re.search(rf'The recipe last succeeded in <a href="/dashboard/recipe_runs/{good.id}">', text)
    compared = f"https://github.com/a/sst-feedstock/compare/bbbbbbb...{run.head_sha}"
    assert (
        f'Changed since then: <a class="compare" href="{compared}" rel="noopener noreferrer">commit</a>, version.'
        in text
    )


def test_a_failure_after_a_success_without_a_change_points_outside_of_the_recipe(app, client):
    run = failed(app)
    succeeded(app, run)
    assert "Commit, version and bakery are the same" in shown(client, run)


def test_a_later_success_is_compared_from_the_failure_on(app, client):
    run = failed(app, feedstock_id=make_feedstock(app, spec="a/sst-feedstock").id)
    succeeded(app, run, head_sha="bbbbbbb", started_at=STARTED_AT + timedelta(days=1))
    text = shown(client, run)
    assert "The recipe has succeeded since" in text
    assert f"https://github.com/a/sst-feedstock/compare/{run.head_sha}...bbbbbbb" in text


def test_the_log_of_a_test_run_is_shown_from_its_end(app, writer, client):
    run = make_run(app, is_test=True)
    log = "".join(f"line {number}\n" for number in range(25))
    writer.post(f"/recipe_runs/{run.id}/logs", data=log, content_type="text/plain")
    text = shown(client, run)
    assert "Its last 20 of 25 lines." in text
    assert re.search(r'id="log-text"[^>]*>line 5\n', text)
    assert f'href="/recipe_runs/{run.id}/logs?format=text">The whole log</a>' in text


def test_the_log_of_a_production_run_is_not_shown(app, writer, client):
    run = make_run(app)
    writer.post(f"/recipe_runs/{run.id}/logs", data="a private line", content_type="text/plain")
    text = shown(client, run)
    assert "a private line" not in text
    assert "Logs of production runs require an API key" in text


def test_a_run_links_to_its_job_its_log_and_its_script(app, client):
    bakery = make_bakery(app, log_url="https://logs.org/{external_id}")
    job = {"external_id": "job 7", "external_url": "https://jobs.org/7"}
    run = make_run(app, bakery_id=bakery.id, **job)
    text = shown(client, run)
    assert 'href="https://logs.org/job%207" rel="noopener noreferrer">Log at the bakery</a>' in text
    assert 'href="https://jobs.org/7" rel="noopener noreferrer">Job at the runner</a>' in text
    assert f'href="/recipe_runs/{run.id}/reproduce">Reproduce it on your machine</a>' in text


def test_a_run_says_when_the_reaper_will_end_it(app, client):
    late, early = (make_run(app, created_at=now() - timedelta(days=days)) for days in (15, 13.5))
    assert "it becomes <strong>stale</strong> at the next clean-up (<code>flask runs reap</code>)" in shown(
        client, late
    )
    assert re.search(
        r"it becomes <strong>stale</strong> <time [^>]*>[^<]*</time> \(in 11 hours\)", shown(client, early)
    )


def test_impossible_times_are_explained(app, client):
    run = make_run(app, status="completed", conclusion="success", completed_at=STARTED_AT - timedelta(hours=2))
    assert "It ends 2 h before it starts, so two clocks or time zones differ." in shown(client, run)


def test_a_stale_run_was_queued_and_has_no_duration(app, client):
    run = make_run(app, status="completed", conclusion="stale", completed_at=now())
    text = client.get(f"/dashboard/recipe_runs/{run.id}").text
    assert "<strong>Queued</strong>" in text
    assert "<strong>Started</strong>" not in text
    assert " after " not in re.search(r'<p class="lead".*?</p>', text)[0]


def test_times_in_the_timeline_are_minutes(app, admin):
    run = make_run(app)
    admin.patch(f"/recipe_runs/{run.id}", json={"started_at": "2022-03-03T04:05:06.789012Z"})
    was = f"{STARTED_AT:%-d %b %Y, %H:%M} UTC"
    assert f'<dd>3 Mar 2022, 04:05 UTC <span class="faint">was {was}</span></dd>' in shown(admin, run)
