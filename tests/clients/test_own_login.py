"""`pangeo-forge login`: where the key is stored, and to whom it is sent."""

import importlib
import json
from types import SimpleNamespace

import pytest

from pangeo_forge_client.command import credentials
from tests.support.apps import ADMIN_KEY


@pytest.fixture
def anonymous(pangeo_forge, monkeypatch):
    """The command without a key and a server in the environment."""
    for name in ("PANGEO_FORGE_API_KEY", "PANGEO_FORGE_SERVER"):
        monkeypatch.delenv(name)
    return pangeo_forge


def test_the_key_is_stored_in_a_file_that_only_its_owner_may_read(anonymous, forge_service):
    code, printed, _ = anonymous("login", "--server", f"{forge_service}/", stdin=f"{ADMIN_KEY}\n")
    assert (code, printed.splitlines()[0]) == (0, f"Logged in to {forge_service} as admin (admin).")
    assert credentials.path().stat().st_mode & 0o777 == 0o600
    assert credentials.path().parent.stat().st_mode & 0o777 == 0o700
    assert ADMIN_KEY not in printed


def test_later_commands_use_the_server_and_the_key(anonymous, forge_service):
    anonymous("login", "--server", forge_service, stdin=ADMIN_KEY)
    assert json.loads(anonymous("keys", "me", "--json")[1])["label"] == "admin"


def test_the_key_is_never_sent_to_another_server(anonymous, forge_service):
    anonymous("login", "--server", forge_service, stdin=ADMIN_KEY)
    code, _, errors = anonymous("keys", "me", "--server", forge_service.replace("127.0.0.1", "localhost"))
    assert (code, "Not authenticated" in errors) == (2, True)


def test_a_key_that_is_not_valid_is_not_stored(anonymous, forge_service):
    code, _, errors = anonymous("login", "--server", forge_service, stdin="wrong")
    assert (code, "Invalid API Key" in errors) == (2, True)
    assert not credentials.path().exists()
    assert anonymous("login", "--server", forge_service, stdin="")[0] == 2


def test_the_environment_is_stronger_than_a_login(anonymous, forge_service, monkeypatch):
    anonymous("login", "--server", forge_service, stdin=ADMIN_KEY)
    monkeypatch.setenv("PANGEO_FORGE_API_KEY", "wrong")
    assert "Invalid API Key" in anonymous("keys", "me")[2]


def test_logout_deletes_the_key(anonymous, forge_service):
    anonymous("login", "--server", forge_service, stdin=ADMIN_KEY)
    assert "is deleted" in anonymous("logout")[1]
    assert "No key of" in anonymous("logout", "--server", forge_service)[1]
    assert ADMIN_KEY not in credentials.path().read_text()


def test_a_file_that_is_damaged_is_a_sentence(anonymous, forge_service):
    anonymous("login", "--server", forge_service, stdin=ADMIN_KEY)
    credentials.path().write_text("{")
    code, _, errors = anonymous("keys", "me")
    assert (code, "Delete it, and log in again." in errors) == (2, True)


def test_a_keyring_has_the_key_instead_of_the_file(anonymous, forge_service, monkeypatch):
    kept = {}
    keyring = SimpleNamespace(
        errors=SimpleNamespace(KeyringError=KeyError),
        get_keyring=lambda: SimpleNamespace(priority=5),
        set_password=lambda name, server, key: kept.update({(name, server): key}),
        get_password=lambda name, server: kept[name, server],
        delete_password=lambda name, server: kept.pop((name, server)),
    )
    real = importlib.import_module
    monkeypatch.setattr(credentials, "import_module", lambda name: keyring if name == "keyring" else real(name))
    assert "the keyring of the system" in anonymous("login", "--server", forge_service, stdin=ADMIN_KEY)[1]
    assert ADMIN_KEY not in credentials.path().read_text()
    assert anonymous("keys", "me")[0] == 0
    anonymous("logout")
    assert kept == {}
    anonymous("login", "--server", forge_service, stdin=ADMIN_KEY)
    kept.clear()
    assert "The keyring of the system does not work" in anonymous("keys", "me")[2]


def test_a_folder_that_cannot_be_written_is_a_sentence(anonymous, forge_service, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    code, _, errors = anonymous("login", "--server", forge_service, stdin=ADMIN_KEY)
    assert (code, "cannot be written" in errors or "cannot be read" in errors) == (2, True)
