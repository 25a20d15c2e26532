"""Concurrent requests get the answers that they would get one after the other."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import select, update

from app.database.columns import now
from app.extensions import db
from app.models import Bakery
from tests.support import threads
from tests.support.apps import ADMIN_KEY
from tests.support.databases import application, on_postgresql, sql
from tests.support.factories import make_bakery, make_feedstock, make_run, run_body
from tests.support.live import wait_until

THREADS = 8
WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
def busy_app(migrated_url, long_timeouts):
    """An application with a separate database and a connection for every thread."""
    with application(migrated_url, long_timeouts(migrated_url), WEB_CONNECTIONS=str(THREADS + 1)) as app:
        yield app


def at_once(app, *requests):
    """Send `requests`, each (method, path, body), at the same moment in separate threads. Return the responses."""
    headers = {"X-API-Key": ADMIN_KEY}
    calls = (
        partial(app.test_client().open, path, method=method, json=body, headers=headers)
        for method, path, body in requests
    )
    return threads.at_once(*calls)


def statuses(responses):
    return Counter(response.status_code for response in responses)


@pytest.mark.parametrize(
    ("path", "body"),
    [("/bakeries/", {"region": "us", "name": "same", "description": ""}), ("/feedstocks/", {"spec": "a/same"})],
)
def test_concurrent_creations_of_the_same_record_create_one_that_all_get(busy_app, path, body):
    responses = at_once(busy_app, *[("POST", path, body)] * THREADS)
    assert statuses(responses) == {201: 1, 200: THREADS - 1}
    alike = [record for record in busy_app.test_client().get(path).json if body.items() <= record.items()]
    assert [response.json for response in responses] == alike * THREADS


def test_concurrent_creations_of_one_repository_in_many_forms_create_one(busy_app):
    specs = ["a/same", "A/Same", "a/SAME", "https://github.com/a/same"] * (THREADS // 4)
    responses = at_once(busy_app, *[("POST", "/feedstocks/", {"spec": spec}) for spec in specs])
    assert statuses(responses) == {201: 1, 200: THREADS - 1}
    assert len({response.json["id"] for response in responses}) == 1


def test_a_creation_during_a_rename_never_takes_the_former_name(busy_app):
    for number in range(5):
        feedstock = make_feedstock(busy_app, spec=f"a/old-{number}")
        creations = [("POST", "/feedstocks/", {"spec": f"A/Old-{number}"})] * (THREADS - 1)
        rename = ("PATCH", f"/feedstocks/{feedstock.id}", {"spec": f"a/new-{number}"})
        *created, renamed = at_once(busy_app, *creations, rename)
        assert renamed.status_code == 200
        assert {(response.status_code, response.json["id"]) for response in created} == {(200, feedstock.id)}


def test_one_of_many_creations_with_the_same_name_succeeds(busy_app):
    bodies = [{"region": str(number), "name": "alike", "description": ""} for number in range(THREADS)]
    responses = at_once(busy_app, *[("POST", "/bakeries/", body) for body in bodies])
    assert statuses(responses) == {201: 1, 409: THREADS - 1}


def test_one_of_many_renames_to_the_same_name_succeeds(busy_app):
    bakeries = [make_bakery(busy_app) for _ in range(THREADS)]
    responses = at_once(busy_app, *[("PATCH", f"/bakeries/{bakery.id}", {"name": "taken"}) for bakery in bakeries])
    assert statuses(responses) == {200: 1, 409: THREADS - 1}


def test_one_of_many_deletions_of_a_record_succeeds(busy_app):
    run = make_run(busy_app)
    responses = at_once(busy_app, *[("DELETE", f"/recipe_runs/{run.id}", None)] * THREADS)
    assert statuses(responses) == {200: 1, 404: THREADS - 1}


def test_concurrent_updates_and_deletions_of_a_run_are_200_or_404(busy_app):
    parents = {"bakery_id": make_bakery(busy_app).id, "feedstock_id": make_feedstock(busy_app).id}
    for _ in range(5):
        path = f"/recipe_runs/{make_run(busy_app, **parents).id}"
        updates = [("PATCH", path, {"version": str(number)}) for number in range(THREADS - 1)]
        *updated, deleted = at_once(busy_app, *updates, ("DELETE", path, None))
        assert deleted.status_code == 200
        assert set(statuses(updated)) <= {200, 404}
        assert busy_app.test_client().get(path).status_code == 404


def test_concurrent_updates_of_different_fields_are_all_kept(busy_app):
    run = make_run(busy_app)
    values = {"version": "2", "head_sha": "main", "message": "m", "conclusion": "success"}
    updates = [("PATCH", f"/recipe_runs/{run.id}", {name: value}) for name, value in values.items()]
    assert statuses(at_once(busy_app, *updates)) == {200: len(values)}
    after = busy_app.test_client().get(f"/recipe_runs/{run.id}").json
    assert {name: after[name] for name in values} == values


def test_a_bakery_is_deleted_or_gets_runs_but_not_both(busy_app):
    feedstock = make_feedstock(busy_app)
    for _ in range(5):
        bakery = make_bakery(busy_app)
        body = run_body(busy_app, bakery_id=bakery.id, feedstock_id=feedstock.id)
        creations = [("POST", "/recipe_runs/", body)] * (THREADS - 1)
        *created, deleted = at_once(busy_app, *creations, ("DELETE", f"/bakeries/{bakery.id}", None))
        runs = statuses(created)[201]
        assert statuses(created) == Counter({201: runs, 422: THREADS - 1 - runs})
        assert deleted.status_code == (409 if runs else 200)


@on_postgresql
@pytest.mark.parametrize("moved", [False, True])
def test_a_run_waits_for_a_retirement_in_progress_and_is_refused(busy_app, moved):
    run, bakery = make_run(busy_app), make_bakery(busy_app)
    body = run_body(busy_app, bakery_id=bakery.id)
    write = ("PATCH", f"/recipe_runs/{run.id}", {"bakery_id": bakery.id}) if moved else ("POST", "/recipe_runs/", body)
    with ThreadPoolExecutor(1) as pool, busy_app.app_context(), db.engine.connect() as retiring:
        for_update = select(Bakery.id).where(Bakery.id == bakery.id).with_for_update()  # as PATCH does
        retiring.execute(for_update)
        retiring.execute(update(Bakery.__table__).where(Bakery.id == bakery.id).values(retired_at=now()))
        written = pool.submit(at_once, busy_app, write)
        wait_until(lambda: sql(busy_app, WAITING))
        retiring.commit()
        [response] = written.result()
    assert (response.status_code, "is retired since" in response.json["detail"]) == (409, True)


def test_a_bakery_whose_last_run_is_deleted_meanwhile_is_deleted_or_kept(busy_app):
    feedstock = make_feedstock(busy_app)
    for _ in range(5):
        run = make_run(busy_app, feedstock_id=feedstock.id)
        gone, deleted = at_once(
            busy_app, ("DELETE", f"/recipe_runs/{run.id}", None), ("DELETE", f"/bakeries/{run.bakery_id}", None)
        )
        assert gone.status_code == 200
        left = busy_app.test_client().get(f"/bakeries/{run.bakery_id}").status_code
        assert (deleted.status_code, left) in {(200, 404), (409, 200)}


def test_readers_are_served_while_others_write(busy_app):
    run = make_run(busy_app)
    path = f"/recipe_runs/{run.id}"
    writes = [("PATCH", path, {"version": str(number)}) for number in range(THREADS // 2)]
    reads = [("GET", path, None), ("GET", "/recipe_runs/", None)] * (THREADS // 4)
    assert statuses(at_once(busy_app, *writes, *reads)) == {200: THREADS}


def test_lines_that_arrive_at_once_are_all_kept(busy_app):
    run = make_run(busy_app, is_test=True)
    options = {"content_type": "text/plain", "headers": {"X-API-Key": ADMIN_KEY}}
    calls = (
        partial(busy_app.test_client().post, f"/recipe_runs/{run.id}/logs", data=f"{number}\n" * 50, **options)
        for number in range(THREADS)
    )
    assert statuses(threads.at_once(*calls)) == {200: THREADS}
    lines = [line["message"] for line in busy_app.test_client().get(f"/recipe_runs/{run.id}/logs").json["logs"]]
    bodies = [lines[start : start + 50] for start in range(0, len(lines), 50)]
    assert sorted(bodies) == [[str(number)] * 50 for number in range(THREADS)]
