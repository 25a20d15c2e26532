import stat

import pytest
from dotenv import dotenv_values

from app.cli import credentials
from app.keys import key_digest

NAMES = ["DATABASE_URL", "PORT", "REPR_ALLOWED_HOSTS", "ENCRYPTION_SALT", "ADMIN_API_KEY", "ADMIN_API_KEY_SHA256"]


@pytest.fixture
def file(tmp_path, monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return tmp_path / ".env"


def test_a_new_file_has_all_settings_of_a_service_on_this_machine(file):
    assert credentials.complete(file) == f"Added {', '.join(NAMES)} to {file}."
    values = dotenv_values(file)
    assert values["DATABASE_URL"] == "sqlite:///pangeo_forge.sqlite"
    assert values["REPR_ALLOWED_HOSTS"] == "127.0.0.1:8000,localhost:8000"
    assert values["ADMIN_API_KEY_SHA256"] == key_digest(values["ENCRYPTION_SALT"], values["ADMIN_API_KEY"])


def test_only_its_owner_can_read_a_new_file(file):
    credentials.complete(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_older_file_gets_what_it_lacks_and_keeps_the_rest(file):
    file.write_text("# mine\nENCRYPTION_SALT=salt\nADMIN_API_KEY=key\nADMIN_API_KEY_SHA256=digest")
    assert credentials.complete(file) == f"Added DATABASE_URL, PORT, REPR_ALLOWED_HOSTS to {file}."
    assert file.read_text().startswith("# mine\nENCRYPTION_SALT=salt\nADMIN_API_KEY=key\nADMIN_API_KEY_SHA256=digest\n")
    assert credentials.complete(file) == f"{file} has all settings."


def test_a_file_with_a_salt_gets_a_key_that_fits_it(file):
    file.write_text("ENCRYPTION_SALT=salt\nADMIN_API_KEY=of-another-salt\n")
    credentials.complete(file)
    values = dotenv_values(file)
    assert values["ENCRYPTION_SALT"] == "salt"
    assert values["ADMIN_API_KEY_SHA256"] == key_digest("salt", values["ADMIN_API_KEY"])


def test_a_setting_that_the_environment_overrides_is_named(file, monkeypatch):
    credentials.complete(file)
    monkeypatch.setenv("PORT", "8000")
    monkeypatch.setenv("DATABASE_URL", "postgresql:///another")
    assert credentials.complete(file) == f"The environment overrides DATABASE_URL of {file}."


def test_the_database_and_the_port_of_the_environment_go_into_a_new_file(file, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql:///forge")
    monkeypatch.setenv("PORT", "8001")
    credentials.complete(file)
    values = dotenv_values(file)
    assert (values["DATABASE_URL"], values["PORT"]) == ("postgresql:///forge", "8001")
    assert values["REPR_ALLOWED_HOSTS"] == "127.0.0.1:8001,localhost:8001"
