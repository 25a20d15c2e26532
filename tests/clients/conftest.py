import io

import pytest

from pangeo_forge_client import Retries
from pangeo_forge_client.command import main
from tests.support.apps import ADMIN_KEY, copied, served
from tests.support.own_client import connected


@pytest.fixture
def forge(app):
    """Our own client of the application, with the administrator's key."""
    with connected(app) as (forge, _network):
        yield forge


@pytest.fixture(scope="session")
def forge_service(sqlite_template, tmp_path_factory):
    """The address of a service with the example catalogue, to which the tests of our own client write."""
    with served(copied(sqlite_template, tmp_path_factory.mktemp("service") / "service.sqlite")) as address:
        yield address


@pytest.fixture
def pangeo_forge(forge_service, capsys, monkeypatch, tmp_path):
    """Runs the command with the administrator's key, and returns its exit code, its output and its errors."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PANGEO_FORGE_SERVER", forge_service)
    monkeypatch.setenv("PANGEO_FORGE_API_KEY", ADMIN_KEY)
    monkeypatch.setattr("pangeo_forge_client.transport.Retries", lambda: Retries(sleep=lambda _seconds: None))

    def run(*arguments, stdin=""):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        code = main(list(map(str, arguments)))
        return (code, *capsys.readouterr())

    return run
