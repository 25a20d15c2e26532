"""`runs.watch` of the library."""

import itertools

import pytest

from pangeo_forge_client import NoAnswerError
from tests.support.factories import STARTED_AT, make_run
from tests.support.own_client import REFUSED, connected


def test_a_run_is_watched_until_it_is_completed(app, forge):
    run = make_run(app)
    watched = forge.runs.watch(run.id)
    with connected(app) as (runner, _network):
        assert next(watched).status == "queued"
        runner.runs.update(run.id, status="in_progress")
        assert next(watched).status == "in_progress"
        runner.runs.update(run.id, conclusion="success", completed_at=STARTED_AT)
        assert [run.conclusion for run in watched] == ["success"]


def test_a_run_that_has_not_changed_is_not_sent_again(app):
    run = make_run(app)
    with connected(app) as (forge, network):
        first, second = itertools.islice(forge.runs.watch(run.id), 2)
    assert first is second
    assert "If-None-Match" in network.sent[1].headers


def test_a_service_that_is_down_for_a_while_does_not_end_it(app):
    run = make_run(app)
    with connected(app, None, *[REFUSED] * 12) as (forge, _network):
        assert len(list(itertools.islice(forge.runs.watch(run.id), 2))) == 2


def test_a_service_that_stays_down_ends_it(app, monkeypatch):
    monkeypatch.setattr("pangeo_forge_client.resources.runs.PATIENCE", -1)
    with connected(app, None, *[REFUSED] * 9) as (forge, _network):
        watched = forge.runs.watch(make_run(app).id)
        assert next(watched).status == "queued"
        with pytest.raises(NoAnswerError):
            next(watched)


def test_a_service_that_never_answers_ends_it_at_once(app):
    with connected(app, *[REFUSED] * 9) as (forge, network):
        with pytest.raises(NoAnswerError):
            next(forge.runs.watch(make_run(app).id))
        assert len(network.sent) == 5
