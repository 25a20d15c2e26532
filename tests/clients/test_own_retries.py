"""What the library does about faults of the network and errors of the service."""

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from pangeo_forge_client import (
    Client,
    ConflictError,
    InvalidError,
    NoAnswerError,
    NotAllowedError,
    NotFoundError,
    PangeoForgeError,
    Retries,
    UnavailableError,
    UnexpectedAnswerError,
)
from tests.support.factories import make_bakery, make_feedstock, make_run
from tests.support.own_client import LOST, REFUSED, connected

BUSY = httpx.Response(503, headers={"Retry-After": "3"}, json={"detail": "The database is down."})


def waits():
    """The seconds that were waited, and retries that note them instead of waiting."""
    seconds = []
    return seconds, Retries(sleep=seconds.append)


def test_a_post_whose_answer_is_lost_is_done_once(app):
    with connected(app, LOST, LOST) as (forge, network):
        bakery, feedstock = make_bakery(app), make_feedstock(app)
        run = forge.runs.create(recipe_id="a", bakery_id=bakery.id, feedstock_id=feedstock.id, head_sha="b")
        assert [run.id] == [run.id for run in forge.runs.list()]
    assert len({request.headers["Idempotency-Key"] for request in network.sent[:3]}) == 1


def test_a_program_that_is_started_again_repeats_its_request_with_its_own_key(app):
    values = {"bakery_id": make_bakery(app).id, "feedstock_id": make_feedstock(app).id, "started_at": datetime.now(UTC)}
    for _ in range(2):
        with connected(app) as (forge, _network):
            run = forge.runs.create(recipe_id="a", head_sha="b", idempotency_key="job-7", **values)
            assert [run.id for run in forge.runs.list()] == [run.id]


def test_a_key_without_a_time_is_refused_because_it_would_help_once_only(forge):
    with pytest.raises(ValueError, match="Give started_at"):
        forge.runs.create(recipe_id="a", head_sha="b", bakery_id=1, feedstock_id=1, idempotency_key="job-7")


def test_a_first_attempt_that_is_still_in_progress_is_waited_for(app):
    in_progress = httpx.Response(409, json={"detail": "The first request is still in progress."})
    with connected(app, LOST, in_progress) as (forge, network):
        assert forge.feedstocks.create("a/b").id
    assert len(network.sent) == 3


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_attempt_without_a_confirmation_may_be_in_progress_and_is_waited_for(app, status):
    in_progress = httpx.Response(409, json={"detail": "The first request is still in progress."})
    with connected(app, httpx.Response(status), in_progress) as (forge, network):
        assert forge.feedstocks.create("a/b").id
    assert len(network.sent) == 3


def test_a_conflict_is_not_repeated(app):
    bakery = make_bakery(app)
    with connected(app) as (forge, network), pytest.raises(ConflictError, match="already has"):
        forge.bakeries.create(bakery.name, region="elsewhere")
    assert len(network.sent) == 1


@pytest.mark.parametrize("fault", [REFUSED, LOST])
def test_a_read_and_an_update_are_repeated(app, fault):
    run = make_run(app)
    with connected(app, fault, None, fault) as (forge, _network):
        assert forge.runs.get(run.id).status == "queued"
        assert forge.runs.update(run.id, status="in_progress").status == "in_progress"
        assert forge.runs.events(run.id).count() == 1


def test_a_deletion_is_not_repeated_if_it_may_have_been_done(app):
    bakery = make_bakery(app)
    with connected(app, LOST) as (forge, network), pytest.raises(NoAnswerError, match="reset by peer"):
        forge.bakeries.delete(bakery.id)
    assert len(network.sent) == 1


def test_a_deletion_that_was_not_sent_is_repeated(app):
    bakery = make_bakery(app)
    with connected(app, REFUSED) as (forge, _network):
        forge.bakeries.delete(bakery.id)
        assert forge.bakeries.list().all() == []


def test_retry_after_is_waited_for(app):
    seconds, retries = waits()
    with connected(app, BUSY, BUSY, retries=retries) as (forge, _network):
        forge.stats.bakeries()
    assert seconds == [3.0, 3.0]


def test_retry_after_may_be_a_date(app):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    seconds, retries = waits()
    with connected(app, httpx.Response(429, headers={"Retry-After": later}), retries=retries) as (forge, _network):
        forge.stats.bakeries()
    assert 0 < seconds[0] <= 60


def test_a_wait_that_is_too_long_is_an_error_at_once(app):
    with connected(app, httpx.Response(429, headers={"Retry-After": "3600"})) as (forge, network):
        with pytest.raises(UnavailableError):
            forge.stats.bakeries()
        assert len(network.sent) == 1


def test_without_retry_after_each_wait_is_about_twice_as_long(app):
    seconds, retries = waits()
    with connected(app, REFUSED, REFUSED, REFUSED, retries=retries) as (forge, _network):
        forge.stats.bakeries()
    assert [round(wait / expected) for wait, expected in zip(seconds, (0.5, 1, 2), strict=True)] == [1, 1, 1]


def test_a_user_is_told_that_the_request_is_sent_again(app, caplog):
    with caplog.at_level(logging.WARNING), connected(app, BUSY) as (forge, _network):
        forge.stats.bakeries()
    assert caplog.messages == ["The database is down. Trying again in 3 s."]


def test_attempts_end(app):
    with connected(app, *[REFUSED] * 9) as (forge, network):
        with pytest.raises(NoAnswerError, match="No answer from http://service: Connection refused"):
            forge.stats.bakeries()
        assert len(network.sent) == 5


def test_an_error_has_the_sentence_the_fields_and_the_request(forge):
    with pytest.raises(InvalidError) as raised:
        forge.runs.create(recipe_id="", bakery_id=0, feedstock_id=1, head_sha="a")
    error = raised.value
    assert (error.status, str(error)) == (422, error.detail)
    assert [field.pointer for field in error.errors] == ["/recipe_id", "/bakery_id"]
    assert error.request_id == error.response.headers["X-Request-ID"]


def test_errors_have_classes(app, forge):
    with pytest.raises(NotFoundError, match="recipe run 99 not found"):
        forge.runs.get(99)
    with pytest.raises(NotFoundError, match="bakery 99 not found"):
        forge.bakeries.get(99)
    with pytest.raises(PangeoForgeError, match="none has the name nowhere"):
        forge.bakeries.get("nowhere")
    with connected(app, key=None) as (stranger, _network), pytest.raises(NotAllowedError, match="Not authenticated"):
        stranger.bakeries.delete(1)


def test_an_error_of_a_proxy_names_its_host(app):
    page = httpx.Response(404, html="<h1>Not here</h1>")
    with connected(app, page) as (forge, _network), pytest.raises(NotFoundError, match="service answered 404"):
        forge.stats.bakeries()


def test_a_page_for_browsers_is_not_an_answer(app):
    page = httpx.Response(200, html="<h1>Welcome</h1>")
    with connected(app, page) as (forge, _network), pytest.raises(UnexpectedAnswerError, match="text/html"):
        forge.stats.bakeries()


@pytest.mark.parametrize("server", ["forge.example", "ftp://forge.example", "http://a:port"])
def test_an_address_that_is_none_is_a_sentence(server):
    with Client(server) as forge, pytest.raises(PangeoForgeError, match="is not the address of a service"):
        forge.stats.bakeries()


def test_a_redirect_that_never_ends_is_a_sentence(app):
    loop = [httpx.Response(307, headers={"Location": "/stats/bakeries"}) for _ in range(30)]
    with connected(app, *loop) as (forge, _network), pytest.raises(NoAnswerError, match="redirects"):
        forge.stats.bakeries()
