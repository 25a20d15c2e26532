"""Rate limits and their headers (draft-ietf-httpapi-ratelimit-headers-10)."""

import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
from limits.storage import MemoryStorage

from tests.support import live
from tests.support.apps import ADMIN_KEY, application, sqlite_copy
from tests.support.factories import make_bakery, make_key, run_body
from tests.support.postgres import free_port
from tests.support.signed import post_signed

KEY = {"X-API-Key": ADMIN_KEY}
WRONG = {"X-API-Key": "wrong"}
SERVER = shutil.which("valkey-server") or shutil.which("redis-server")
FIELDS = ("RateLimit-Policy", "RateLimit", "Retry-After")


@pytest.fixture(scope="module")
def limited(sqlite_template):
    """A function that returns an application with these settings, on SQLite: limits do not depend on the database."""
    with sqlite_copy(sqlite_template) as url, ExitStack() as stack:
        yield lambda **settings: stack.enter_context(application(url, **settings))


@pytest.fixture(scope="module")
def low(limited):
    return limited(RATELIMIT_WRITES="3/hour", RATELIMIT_FAILURES="2/hour")


@pytest.fixture
def strict(low):
    """An application with low limits, which has counted nothing yet."""
    low.extensions["limits"].storage.reset()
    return low


@pytest.fixture(scope="module")
def redis_url():
    if not SERVER:
        pytest.skip("there is no redis-server or valkey-server on this machine")
    port = free_port()
    command = [SERVER, "--port", str(port), "--save", "", "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        live.wait_until(lambda: listens(port))
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


def listens(port):
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True


def write(app, headers=KEY, **environ):
    """Send a write that changes nothing. Return its status and its headers about limits."""
    response = app.test_client().post("/feedstocks/", json={}, headers=headers, environ_base=environ)
    return response.status_code, [response.headers.get(name) for name in FIELDS]


def statuses(app, count, headers=KEY, **environ):
    return [write(app, headers, **environ)[0] for _ in range(count)]


def test_writes_beyond_the_limit_are_429(strict):
    found = [write(strict) for _ in range(4)]
    assert [status for status, _ in found] == [422, 422, 422, 429]
    for left, (_, (policy, limit, _)) in zip([2, 1, 0, 0], found, strict=True):
        assert policy == '"writes";q=3;w=3600'
        assert limit in (f'"writes";r={left};t=3600', f'"writes";r={left};t=3599')
    assert [said[2] for _, said in found[:3]] == [None] * 3
    assert found[3][1][2] in ("3600", "3599")


def test_an_answer_of_429_says_how_long_to_wait(strict):
    statuses(strict, 3)
    response = strict.test_client().post("/feedstocks/", json={}, headers=KEY | {"X-Request-ID": "mine"})
    assert response.content_type == "application/problem+json"
    seconds = response.headers["Retry-After"]
    assert response.json == {
        "type": "about:blank",
        "title": "Too Many Requests",
        "status": 429,
        "detail": f"A key may write 3 times in 3600 s, and this one has. Try again in {seconds} s.",
        "request_id": "mine",
    }


def test_each_key_has_a_separate_limit_of_writes(strict):
    make_key(strict, "another")
    assert statuses(strict, 4) == [422, 422, 422, 429]
    assert statuses(strict, 1, {"X-API-Key": "another"}) == [422]


def test_each_bakery_that_signs_has_a_separate_limit_of_writes(strict):
    paths = [f"/bakeries/{make_bakery(strict).id}" for _ in range(2)]
    client = strict.test_client()
    secrets = [client.post(f"{path}/webhook-secret", json={}, headers=KEY).json["secret"] for path in paths]
    sent = [(path, secret) for path, secret in zip(paths, secrets, strict=True) for _ in range(4)]
    answers = [post_signed(client, f"{path}/reports", secret, {}).status_code for path, secret in sent]
    assert answers == [422, 422, 422, 429] * 2


def test_wrong_signatures_count_like_wrong_keys(strict, monkeypatch):
    monkeypatch.setitem(strict.config, "GITHUB_WEBHOOK_SECRET", "a secret")
    client = strict.test_client()
    signed = {"/bakeries/1/reports": "webhook-signature", "/github/hooks/": "X-Hub-Signature-256"}
    answers = [client.post(path, data=b"{}", headers={name: "v1,AAAA"}).status_code for path, name in signed.items()]
    assert (answers, statuses(strict, 1, WRONG)) == ([401, 401], [429])


def test_each_run_of_a_bulk_counts_as_a_write(strict):
    body = {"recipe_runs": [run_body(strict)] * 2}
    answers = [strict.test_client().post("/recipe_runs/bulk", json=body, headers=KEY) for _ in "12"]
    assert [answer.status_code for answer in answers] == [201, 429]
    assert answers[0].headers["RateLimit"].startswith('"writes";r=1;')
    assert len(strict.test_client().get("/recipe_runs/").json) == 2


def test_the_window_of_writes_ends(limited):
    app = limited(RATELIMIT_WRITES="1/second")
    assert statuses(app, 2) == [422, 429]
    time.sleep(1.05)
    assert statuses(app, 1) == [422]


def set_clock(monkeypatch, seconds):
    """Set the clock forward, or back if `seconds` is negative."""
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + seconds)
    monkeypatch.setattr("app.web.limits.time", time.time)


@pytest.mark.parametrize("seconds", [-7200, -31_536_000])
def test_a_window_does_not_become_longer_if_the_clock_is_set_back(strict, monkeypatch, seconds):
    assert statuses(strict, 4) == [422, 422, 422, 429]
    set_clock(monkeypatch, seconds)
    found = [write(strict) for _ in range(4)]
    assert [status for status, _ in found] == [422, 422, 422, 429]
    assert int(found[3][1][2]) <= 3600
    set_clock(monkeypatch, 3601)
    assert statuses(strict, 1) == [422]


def test_a_window_does_not_end_if_the_clock_is_set_back_by_less_than_it_lasts(strict, monkeypatch):
    set_clock(monkeypatch, -1800)
    assert statuses(strict, 3) == [422] * 3
    set_clock(monkeypatch, 1800)
    set_clock(monkeypatch, -900)
    status, (_, _, seconds) = write(strict)
    assert (status, int(seconds) <= 3600) == (429, True)


def test_a_write_past_the_limit_changes_nothing(strict):
    client = strict.test_client()
    for number in range(4):
        client.post("/feedstocks/", json={"spec": f"a/{number}"}, headers=KEY)
    found = [feedstock["spec"] for feedstock in client.get("/feedstocks/").json]
    assert [spec for spec in found if spec.startswith("a/")] == ["a/0", "a/1", "a/2"]


def test_automation_that_writes_50_a_second_stays_below_the_limit(app):
    limit = app.extensions["limits"].limits["writes"]
    assert limit.amount / limit.get_expiry() >= 2 * 50


@pytest.mark.parametrize("path", ["/", "/feedstocks/", "/stats/feedstocks", "/docs", "/feedstocks/99"])
def test_reading_is_not_limited_and_has_no_headers_about_limits(strict, path):
    statuses(strict, 4)
    statuses(strict, 4, WRONG)
    for headers in ({}, KEY, WRONG):
        response = strict.test_client().get(path, headers=headers)
        assert response.status_code in (200, 404)
        assert not set(FIELDS) & set(response.headers.keys())


def test_wrong_keys_beyond_the_limit_of_an_address_are_429(strict):
    found = [write(strict, WRONG) for _ in range(3)]
    assert [status for status, _ in found] == [401, 401, 429]
    assert {said[0] for _, said in found} == {'"failed-authentication";q=2;w=3600'}
    assert found[2][1][2] in ("3600", "3599")


def test_a_valid_key_is_served_even_if_its_address_sends_wrong_keys(strict):
    assert statuses(strict, 3, WRONG)[-1] == 429
    assert statuses(strict, 1) == [422]


def test_a_request_without_a_key_does_not_count_as_a_failure(strict):
    assert statuses(strict, 5, {}) == [403] * 5
    assert statuses(strict, 1, WRONG) == [401]


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ("192.0.2.1", "192.0.2.1", 429),
        ("192.0.2.1", "192.0.2.2", 401),
        ("2001:db8::1", "2001:db8::ffff:2", 429),
        ("2001:db8::1", "2001:db8:0:1::1", 401),
        ("::ffff:192.0.2.1", "192.0.2.1", 429),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", 401),
        ("", "", 429),
        ("unknown", "unknown", 429),
    ],
)
def test_failures_are_counted_by_ipv4_address_or_ipv6_network(strict, first, second, status):
    statuses(strict, 2, WRONG, REMOTE_ADDR=first)
    assert write(strict, WRONG, REMOTE_ADDR=second)[0] == status


def test_the_address_behind_a_proxy_is_the_clients(limited):
    app = limited(RATELIMIT_FAILURES="1/hour", PROXY_COUNT="1")
    asked = [WRONG | {"X-Forwarded-For": f"forged, {client}"} for client in ("192.0.2.1", "192.0.2.2", "192.0.2.1")]
    assert [write(app, headers)[0] for headers in asked] == [401, 401, 429]


def test_workers_with_the_same_redis_share_their_counts(limited, redis_url):
    settings = {"RATELIMIT_STORAGE_URI": redis_url.replace("redis:", "valkey:"), "RATELIMIT_WRITES": "3/hour"}
    first, second = limited(**settings), limited(**settings)
    assert [statuses(app, 1)[0] for app in (first, second, first, second)] == [422, 422, 422, 429]


def test_redis_stores_no_digest_of_a_key(limited, redis_url):
    app = limited(RATELIMIT_STORAGE_URI=redis_url)
    statuses(app, 1)
    names = app.extensions["limits"].storage.get_connection().keys()
    assert names
    assert not [name for name in names if app.config["ADMIN_API_KEY_SHA256"].encode() in name]


def test_without_its_redis_the_service_serves_and_logs_that_it_does_not_count(limited, caplog):
    url = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    app = limited(RATELIMIT_STORAGE_URI=url, RATELIMIT_WRITES="1/hour", RATELIMIT_FAILURES="1/hour")
    assert [write(app) for _ in range(2)] == [(422, [None, None, None])] * 2
    assert [write(app, WRONG) for _ in range(2)] == [(401, [None, None, None])] * 2
    lines = [record for record in caplog.records if record.getMessage() == "not counted"]
    assert [line.limit for line in lines] == ["writes"] * 2 + ["failed-authentication"] * 2
    assert all(line.request_id and "hunter2" not in f"{line.error}" for line in lines)


def test_limits_are_in_memory_by_default(app):
    assert isinstance(app.extensions["limits"].storage, MemoryStorage)


def test_one_thread_at_a_time_counts_in_memory(app, monkeypatch):
    limits, inside, seen = app.extensions["limits"], [], []

    def hit(*_, cost):
        inside.append(1)
        seen.append(len(inside))
        time.sleep(0.05)
        inside.pop()

    monkeypatch.setattr(limits.limiter, "hit", hit)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: limits.hit("writes", "a key", 1), range(4)))
    assert seen == [1] * 4
