"""The samples for nginx and Caddy, run in front of the service."""

import json
from contextlib import closing
from http.client import HTTPConnection
from types import SimpleNamespace

import pytest

from tests.support.apps import ADMIN_KEY, copied, environment
from tests.support.dyno import dyno, serving
from tests.support.live import ROOT, wait_until
from tests.support.postgres import free_port
from tests.support.proxies import NAME, PROXIES, http, https, proxy

KEY = {"X-API-Key": ADMIN_KEY, "Content-Type": "application/json"}
RUN = {"recipe_id": "long", "bakery_id": 1, "feedstock_id": 1, "head_sha": "a" * 40, "message": "x" * 999}
STARTED = {"version": "1", "started_at": "2026-01-01T00:00:00Z"}
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def service(sqlite_template, tmp_path_factory):
    """A deployed service for which two wrong keys of an address are enough."""
    folder = tmp_path_factory.mktemp("service")
    settings = environment(copied(sqlite_template, folder / "service.sqlite"), PANGEO_FORGE_DEPLOYMENT="test")
    env = dyno(settings, RATELIMIT_FAILURES="2/hour", WEB_CONCURRENCY="1")
    with serving("exec gunicorn wsgi:app", env, ROOT, folder / "log") as server:
        yield server


@pytest.fixture(scope="module", params=PROXIES)
def ports(request, service, tmp_path_factory):
    with proxy(request.param, tmp_path_factory.mktemp(request.param), service.port) as running:
        yield running


def send(connection, path, method="GET", body=None, **headers):
    """The `status`, the `headers` and the `body` of an answer."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(connection):
        connection.request(method, path, json.dumps(body) if isinstance(body, dict) else body, headers)
        response = connection.getresponse()
        return SimpleNamespace(status=response.status, headers=response.headers, body=response.read())


def create_bakery(ports, name, **headers):
    body = {"region": "us-east-1", "name": name, "description": ""}
    answer = send(https(ports), "/bakeries/", "POST", body, **KEY, **headers)
    assert answer.status == 201, answer.body
    return answer


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_is_answered_by_http_and_by_https(ports, path):
    assert send(http(ports), path).body == send(https(ports), path).body == b'{"status":"ok"}'


@pytest.mark.parametrize("headers", [{}, {"X_Forwarded_Proto": "https"}])
def test_everything_else_is_redirected_to_https(ports, headers):
    answer = send(http(ports), "/bakeries/?limit=1", **headers)
    assert (answer.status, answer.headers["Location"]) == (307, f"https://{NAME}:{ports.http}/bakeries/?limit=1")


def test_a_link_has_the_scheme_and_the_host_of_the_client(ports):
    answer = send(https(ports), "/bakeries/?limit=1")
    assert f"<https://{NAME}:{ports.https}/bakeries/?limit=1>" in answer.headers["Link"]
    assert answer.headers["Strict-Transport-Security"]


def test_a_client_cannot_choose_the_prefix_of_links(ports):
    answer = send(https(ports), "/docs/", X_Forwarded_Prefix="/elsewhere", X_Forwarded_Host="evil.example")
    assert b"elsewhere" not in answer.body + str(answer.headers).encode()
    assert b"evil.example" not in answer.body + str(answer.headers).encode()


def test_the_address_of_a_client_is_the_one_that_the_proxy_sees(ports, service, request):
    path = f"/{request.node.name}".replace("[", "-").replace("]", "")
    send(https(ports), path, X_Forwarded_For="198.51.100.66")
    wait_until(lambda: path in service.log.read_text())
    (line,) = [json.loads(line) for line in service.log.read_text().splitlines() if path in line]
    assert line["address"] in ("127.0.0.1", "::1")


def test_a_client_cannot_escape_the_limit_on_wrong_keys(ports):
    body = {"region": "", "name": "", "description": ""}
    wrong = {"X_API_Key": "wrong", "Content_Type": "application/json"}
    addresses = [f"198.51.100.{number}" for number in range(3)]
    found = [send(https(ports), "/bakeries/", "POST", body, **wrong, X_Forwarded_For=each) for each in addresses]
    assert found[-1].status == 429
    assert found[-1].headers["Retry-After"]


def test_a_body_that_is_too_long_is_refused_by_the_service_with_a_sentence(ports):
    answer = send(https(ports), "/bakeries/", "POST", b" " * (MIB + 1), **KEY)
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_much_longer_body_is_refused(ports):
    assert send(https(ports), "/recipe_runs/bulk", "POST", b" " * (10 * MIB), **KEY).status == 413


def test_an_etag_stays_usable_for_a_write(ports, request):
    path = f"/bakeries/{json.loads(create_bakery(ports, f'etag-{request.node.name}').body)['id']}"
    etag = send(https(ports), path, Accept_Encoding="gzip, zstd, br").headers["ETag"]
    answer = send(https(ports), path, "PATCH", {"description": "changed"}, **KEY, If_Match=etag)
    assert answer.status == 200, answer.body
    assert send(https(ports), path, If_None_Match=etag).status == 200
    assert send(https(ports), path, If_None_Match=send(https(ports), path).headers["ETag"]).status == 304


def test_a_long_answer_arrives_complete(ports, service, request):
    bakery = json.loads(create_bakery(ports, f"long-{request.node.name}").body)["id"]
    send(https(ports), "/feedstocks/", "POST", {"spec": "pangeo-forge/long-feedstock"}, **KEY)
    runs = [RUN | STARTED | {"bakery_id": bakery}] * 1000
    for _ in range(4):
        assert send(https(ports), "/recipe_runs/bulk", "POST", {"recipe_runs": runs}, **KEY).status == 201
    direct = send(HTTPConnection("127.0.0.1", service.port), f"/bakeries/{bakery}", X_Forwarded_Proto="https")
    assert len(direct.body) > 4 * MIB
    assert send(https(ports), f"/bakeries/{bakery}").body == direct.body


def test_a_connection_is_kept_for_several_requests(ports):
    with closing(https(ports)) as connection:
        for _ in range(3):
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b'{"status":"ok"}'


@pytest.mark.parametrize("name", PROXIES)
def test_without_a_service_the_answer_is_a_problem_that_says_when_to_try_again(name, tmp_path):
    with proxy(name, tmp_path, free_port()) as ports:
        answer = send(https(ports), "/healthz")
    problem = json.loads(answer.body)
    assert answer.status == problem["status"] == 503
    assert list(problem) == ["type", "title", "status", "detail", "request_id"]
    assert len(problem["request_id"]) in (32, 36)
    expected = {"Content-Type": "application/problem+json", "Retry-After": "5", "Access-Control-Allow-Origin": "*"}
    assert {name: answer.headers[name] for name in expected} == expected
