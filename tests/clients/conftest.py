import io

import pytest

from pangeo_forge_client import Retries
from pangeo_forge_client.command import main
from tests.conftest import ADMIN_KEY
from tests.support.own_client import connected


@pytest.fixture
def forge(app):
    """Our own client of the application, with the administrator's key."""
    with connected(app) as (forge, _network):
        yield forge


@pytest.fixture
def pangeo_forge(own_service, capsys, monkeypatch, tmp_path):
    """Runs the command with the administrator's key, and returns its exit code, its output and its errors."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PANGEO_FORGE_SERVER", own_service)
    monkeypatch.setenv("PANGEO_FORGE_API_KEY", ADMIN_KEY)
    monkeypatch.setattr("pangeo_forge_client.transport.Retries", lambda: Retries(sleep=lambda _seconds: None))

    def run(*arguments, stdin=""):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        code = main(list(map(str, arguments)))
        return (code, *capsys.readouterr())

    return run
