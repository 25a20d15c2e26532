"""The metrics for Prometheus, and the keys that may read them."""

import os
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from app.database.columns import now
from app.extensions import db
from app.keys import key_digest
from app.models import APIKey, RunCount
from app.models.run_counts import ALL
from app.ops import metrics
from tests.support import live, postgres
from tests.support.apps import ADMIN_KEY, SALT, environment, make_app
from tests.support.dyno import ask, dyno, serving, wait_until
from tests.support.factories import make_key, make_run
from tests.test_heroku import locked

SCRAPER = "the-key-of-the-scraper"
IN_USE = ("pangeo_forge_pool_connections_in_use",)
REQUESTS = "pangeo_forge_request_duration_seconds"


@pytest.fixture
def scrape(app, monkeypatch):
    """A function that scrapes the metrics and returns the values by name and labels."""
    monkeypatch.setitem(app.config, "METRICS_KEY_SHA256", key_digest(SALT, SCRAPER))
    client = app.test_client()
    return lambda: values(client.get("/metrics", headers={"Authorization": f"Bearer {SCRAPER}"}).text)


def values(text):
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sorted(sample.labels.items())): sample.value for sample in samples}


def requests(method, route, status):
    return (f"{REQUESTS}_count", ("method", method), ("route", route), ("status", str(status)))


def test_the_format_is_that_of_prometheus(admin):
    assert admin.get("/metrics").content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert admin.get("/metrics/").status_code == 200


@pytest.mark.parametrize(("key", "status"), [(None, 403), ("wrong", 401), ("", 403), (ADMIN_KEY, 200), (SCRAPER, 401)])
def test_metrics_are_for_administrators(client, key, status):
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    assert client.get("/metrics", headers=headers).status_code == status


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"Authorization": "Bearer "}])
def test_an_empty_key_is_not_the_key_of_the_scraper(app, client, monkeypatch, headers):
    monkeypatch.setitem(app.config, "METRICS_KEY_SHA256", key_digest(SALT, ""))
    assert client.get("/metrics", headers=headers).status_code == 403


def test_the_use_of_a_key_is_stored_and_no_lock_is_kept(app, monkeypatch):
    key = make_key(app, "of-an-administrator", is_admin=True)
    inside = []
    monkeypatch.setattr(metrics, "exposition", lambda _: inside.append(db.session().in_transaction()) or b"")
    app.test_client().get("/metrics", headers={"X-API-Key": "of-an-administrator"})
    assert inside == [False]
    with app.app_context():
        assert db.session.get(APIKey, key.id).last_used_at


def test_a_writer_may_not_read_metrics(writer):
    assert writer.get("/metrics").status_code == 403


def test_the_key_of_the_scraper_opens_metrics_and_nothing_else(client, scrape):
    assert scrape()
    assert client.post("/feedstocks", json={"spec": "a/b"}, headers={"X-API-Key": SCRAPER}).status_code == 401


def test_requests_are_counted_by_method_route_and_status(client, scrape):
    series = requests("GET", "/recipe_runs/<id:id>", 404)
    before = scrape().get(series, 0)
    for _ in range(3):
        client.get("/recipe_runs/12345")
    assert scrape()[series] == before + 3


def test_clients_cannot_create_series(client, scrape):
    client.open("/nope-1", method="GET")
    client.open("/nope-2", method="BREW")
    names = {series for series in scrape() if series[0] == f"{REQUESTS}_count"}
    assert requests("GET", "none", 404) in names
    assert requests("other", "none", 404) in names
    assert not [series for series in names if "nope" in str(series) or "BREW" in str(series)]


def test_latency_is_a_histogram(client, scrape):
    client.get("/healthz")
    labels = requests("GET", "/healthz", 200)[1:]
    found = scrape()
    assert found[(f"{REQUESTS}_sum", *labels)] > 0
    assert found[(f"{REQUESTS}_bucket", ("le", "+Inf"), *labels)] == found[(f"{REQUESTS}_count", *labels)]


def test_runs_are_counted_by_status(app, scrape):
    for status in ("queued", "queued", "in_progress"):
        make_run(app, status=status)
    found = {series[1][1]: value for series, value in scrape().items() if series[0] == "pangeo_forge_recipe_runs"}
    assert found == {"queued": 2, "in_progress": 1, "completed": 0}


def test_the_age_of_the_oldest_queued_run_is_a_metric(app, scrape):
    make_run(app, status="in_progress", created_at=now() - timedelta(hours=9))
    assert scrape()[("pangeo_forge_oldest_queued_run_age_seconds",)] == 0
    make_run(app, created_at=now() - timedelta(hours=1))
    make_run(app, created_at=now() - timedelta(hours=2))
    make_run(app, created_at=None, started_at=now() - timedelta(minutes=30))
    assert scrape()[("pangeo_forge_oldest_queued_run_age_seconds",)] == pytest.approx(7200, abs=30)


def test_a_scrape_does_not_read_finished_runs(app):
    with app.app_context():
        db.session.execute(db.update(RunCount).values(runs=0))
        assert metrics.runs_by_status() == {"queued": 0, "in_progress": 0, "completed": 0}
        db.session.add(RunCount(slice=ALL, status="completed", is_test=False, has_dataset=True, runs=7))
        db.session.add(RunCount(slice="bakery 1", status="completed", is_test=False, has_dataset=True, runs=7))
        db.session.flush()
        assert metrics.runs_by_status() == {"queued": 0, "in_progress": 0, "completed": 7}
        db.session.rollback()


def test_without_a_database_all_other_metrics_are_shown(unreachable_app):
    response = unreachable_app.test_client().get("/metrics", headers={"X-API-Key": ADMIN_KEY})
    assert response.status_code == 200
    assert values(response.text)[("pangeo_forge_database_up",)] == 0
    assert REQUESTS in response.text


def test_connections_in_use_are_counted(empty_url):
    app = make_app(empty_url)
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
    with engine.connect(), engine.connect():
        text = app.test_client().get("/metrics", headers={"X-API-Key": ADMIN_KEY}).text
        busy = values(text)[IN_USE]
    assert values(text)[("pangeo_forge_pool_connections_max",)] == 8
    engine.dispose()
    text = app.test_client().get("/metrics", headers={"X-API-Key": ADMIN_KEY}).text
    engine.dispose()
    assert busy - values(text)[IN_USE] == 2


def refuse(*_):
    raise sqlite3.OperationalError("no connection today")


def in_use(app):
    metrics.sample(app)
    return metrics.COUNTS.region.connections_in_use


def test_connections_that_cannot_be_made_are_not_counted(empty_url):
    app = make_app(empty_url)
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
    with engine.connect() as connection:
        assert in_use(app) == 1
        connection.invalidate()
    event.listen(engine, "do_connect", refuse)
    for _ in range(3):
        with pytest.raises(Exception, match="no connection today"):
            engine.connect()
    assert in_use(app) == 0


@pytest.fixture(scope="module")
def server(postgres_server, postgresql_template, tmp_path_factory):
    """A server with two workers."""
    with postgres.database(postgres_server, postgresql_template) as url:
        env = dyno(environment(url), PROXY_COUNT="0", WEB_CONCURRENCY="2")
        with serving("gunicorn wsgi:app", env, live.ROOT, tmp_path_factory.mktemp("metrics") / "log") as server:
            server.url = url
            yield server


def scraped(server):
    return values(ask(server, "/metrics", authorization=f"Bearer {ADMIN_KEY}")[2])


def test_any_worker_shows_the_metrics_of_all_workers(server):
    wait_until(lambda: server.log.read_text().count("Booting worker") == 2)
    for _ in range(50):
        ask(server, "/healthz")
    assert [scraped(server)[requests("GET", "/healthz", 200)] for _ in range(10)] == [50] * 10
    wait_until(lambda: scraped(server)[("pangeo_forge_pool_connections_max",)] == 16)


def test_a_worker_that_dies_leaves_its_counts_but_not_its_connections(server):
    with ThreadPoolExecutor() as pool, locked(server.url, "bakery"):
        pool.submit(ask, server, "/bakeries/")
        wait_until(lambda: scraped(server).get(IN_USE) == 1)
        before = scraped(server)[requests("GET", "/metrics", 200)]
        for worker in live.children(server.process):
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: server.log.read_text().count("Booting worker") == 4)
    assert scraped(server).get(IN_USE, 0) == 0
    assert scraped(server)[requests("GET", "/metrics", 200)] > before


def test_a_restart_keeps_the_counts(server):
    before, booted = scraped(server)[requests("GET", "/metrics", 200)], server.log.read_text().count("Booting worker")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: server.log.read_text().count("Booting worker") == booted + 2)
    assert scraped(server)[requests("GET", "/metrics", 200)] == before + 1
    wait_until(lambda: scraped(server)[("pangeo_forge_pool_connections_max",)] == 16)
