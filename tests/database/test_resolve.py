"""Host names are resolved within the connect timeout, and libpq receives the addresses."""

import socket
import time
from threading import Event
from types import SimpleNamespace

import psycopg2
import pytest
from sqlalchemy import create_engine, text

from app.database import resolve
from tests.support.apps import make_app

ADDRESSES = {"one.example": ["10.0.0.1"], "two.example": ["10.0.0.2", "fd00::2"]}
LIBPQ = SimpleNamespace(connect=lambda **parameters: parameters)  # returns the parameters of the connection


def resolver(name, *_args, **_kwargs):
    if name not in ADDRESSES:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return [(0, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ADDRESSES[name]]


@pytest.fixture
def names(monkeypatch):
    """A resolver that knows ADDRESSES."""
    monkeypatch.setattr(socket, "getaddrinfo", resolver)


@pytest.fixture
def hanging(monkeypatch):
    """A resolver that does not answer until the test ends. The list has the names that it was asked for."""
    asked, ended = [], Event()
    monkeypatch.setattr(resolve, "CONNECT_TIMEOUT", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *_, **__: (asked.append(name), ended.wait(), [])[-1])
    yield asked
    ended.set()
    while resolve._running:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("host", "port", "hosts", "addresses", "ports"),
    [
        ("one.example", 5432, "one.example", "10.0.0.1", "5432"),
        ("two.example", None, "two.example,two.example", "10.0.0.2,fd00::2", ","),
        ("one.example,two.example", "1,2", "one.example,two.example,two.example", "10.0.0.1,10.0.0.2,fd00::2", "1,2,2"),
        ("none.example,one.example", "1,2", "one.example", "10.0.0.1", "2"),
        ("/run/postgresql,one.example", "1,2", "/run/postgresql,one.example", ",10.0.0.1", "1,2"),
        ("10.0.0.9,one.example", 1, "10.0.0.9,one.example", "10.0.0.9,10.0.0.1", "1,1"),
    ],
)
def test_each_address_of_each_name_is_tried(names, host, port, hosts, addresses, ports):
    made = resolve.connect(LIBPQ, None, (), {"host": host, "port": port, "user": "x"})
    assert made == {"host": hosts, "hostaddr": addresses, "port": ports, "user": "x"}


@pytest.mark.parametrize("host", [None, "", "/run/postgresql", "@abstract", "127.0.0.1", "::1", "127.0.0.1,/tmp"])
def test_an_address_is_not_resolved(hanging, host):
    assert resolve.connect(LIBPQ, None, (), {"host": host}) is None
    assert hanging == []


def test_a_given_hostaddr_is_kept(hanging):
    assert resolve.connect(LIBPQ, None, (), {"host": "one.example", "hostaddr": "10.0.0.9"}) is None


@pytest.mark.parametrize("host", ["none.example", "a..b", "none.example,nil.example"])
def test_a_name_that_does_not_exist_is_an_operational_error(names, host):
    with pytest.raises(psycopg2.OperationalError, match="no address of "):
        resolve.connect(LIBPQ, None, (), {"host": host})


def test_a_resolver_that_hangs_is_asked_once_and_times_out(hanging):
    for _ in range(3):
        with pytest.raises(psycopg2.OperationalError, match=r"no address of slow\.example in time"):
            resolve.connect(LIBPQ, None, (), {"host": "slow.example"})
    assert hanging == ["slow.example"]


def test_a_request_that_needs_an_unresolved_name_is_503(hanging):
    answer = make_app("postgresql://nobody@slow.example/none").test_client().get("/bakeries/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_an_engine_resolves_its_host_for_every_connection(postgres_url, monkeypatch):
    asked, ask = [], socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *a, **k: (asked.append(name), ask("127.0.0.1", *a, **k))[1])
    by_name = create_engine(postgres_url.set(drivername="postgresql+psycopg2", host="database.example"))
    for _ in range(2):
        with by_name.connect() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
            assert connection.connection.driver_connection.info.host == "database.example"
        by_name.dispose()
    assert asked == ["database.example"] * 2
