"""Valid settings are accepted. An invalid one is one sentence with the name of the variable and no password."""

import hashlib
import os
import re
import subprocess
import sys

import pytest

import config
from app.keys import key_digest, new_secrets
from config import ConfigError, load
from tests.support.apps import environment

POSTGRES = "postgresql://forge:hunter2@db.example:5432/catalogue"
NUMBER = "it must be a whole number from {} to 9999."


def wrong(**variables):
    """The sentence about an environment with these variables. A variable of None is removed."""
    environ = environment(POSTGRES) | variables
    with pytest.raises(ConfigError) as error:
        load({name: value for name, value in environ.items() if value is not None})
    return str(error.value)


def test_three_variables_are_required():
    given = load(environment("sqlite:////data/catalogue.sqlite"))
    assert given["SQLALCHEMY_DATABASE_URI"].render_as_string() == "sqlite:////data/catalogue.sqlite"
    assert (given["DEPLOYMENT"], given["PROXY_COUNT"], given["MAX_CONTENT_LENGTH"]) == ("", 0, 1024 * 1024)
    assert given["SQLALCHEMY_ENGINE_OPTIONS"] == {
        "pool_size": 8,
        "max_overflow": 0,
        "pool_timeout": 4,
        "pool_use_lifo": True,
        "pool_recycle": 1800,
        "query_cache_size": 200,
        "hide_parameters": True,
        "paramstyle": "named",
        "connect_args": {"timeout": 3.0},
    }


@pytest.mark.parametrize("value", [None, "", "  "])
@pytest.mark.parametrize("name", ["DATABASE_URL", "ENCRYPTION_SALT", "ADMIN_API_KEY_SHA256"])
def test_a_missing_variable_is_named(name, value):
    sentence = wrong(**{name: value})
    assert sentence.startswith(f"{name} is not set: ")
    assert sentence.endswith(".")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_way_to_write_postgresql_means_the_same(scheme):
    url = load(environment(POSTGRES.replace("postgresql", scheme)))["SQLALCHEMY_DATABASE_URI"]
    expected = "postgresql+psycopg2://forge:hunter2@db.example:5432/catalogue"
    assert url.render_as_string(hide_password=False) == expected


def test_postgresql_times_out_before_the_client():
    options = load(environment(POSTGRES, WEB_CONNECTIONS="7"))["SQLALCHEMY_ENGINE_OPTIONS"]
    assert options == {
        "pool_size": 7,
        "skip_autocommit_rollback": True,
        "max_overflow": 0,
        "pool_timeout": 4,
        "pool_use_lifo": True,
        "pool_recycle": 1800,
        "query_cache_size": 200,
        "hide_parameters": True,
        "execution_options": {"statement_timeout": 10_000, "lock_timeout": 3_000},
        "connect_args": {"connect_timeout": 2, "gssencmode": "disable"},
    }


def test_kerberos_encryption_is_set_in_the_url():
    given = load(environment(f"{POSTGRES}?gssencmode=require"))
    assert given["SQLALCHEMY_ENGINE_OPTIONS"]["connect_args"]["gssencmode"] == "require"


@pytest.mark.parametrize(("workers", "connections"), [(1, 8), (2, 8), (4, 4), (5, 3), (16, 1), (40, 1)])
def test_workers_share_the_connections_of_the_smallest_plan(workers, connections):
    options = load(environment(POSTGRES, WEB_CONCURRENCY=str(workers)))["SQLALCHEMY_ENGINE_OPTIONS"]
    assert options["pool_size"] == connections


def test_options_in_the_url_are_passed_to_the_driver():
    given = load(environment(f"{POSTGRES}?sslmode=require&options=-c%20search_path%3Dforge"))
    assert given["SQLALCHEMY_DATABASE_URI"].query == {"sslmode": "require", "options": "-c search_path=forge"}


def test_the_service_uses_heroku_s_pooler_and_migrations_use_its_database():
    given = load(environment(POSTGRES, DATABASE_CONNECTION_POOL_URL="postgres://forge@pool.example:6432/catalogue"))
    assert given["SQLALCHEMY_DATABASE_URI"].host == "pool.example"
    assert given["MIGRATION_DATABASE_URI"].host == "db.example"


def test_migrations_use_the_url_that_is_set_for_them():
    given = load(environment(POSTGRES, MIGRATION_DATABASE_URL="postgres://owner@direct.example/catalogue"))
    assert given["SQLALCHEMY_DATABASE_URI"].host == "db.example"
    assert given["MIGRATION_DATABASE_URI"].render_as_string() == "postgresql+psycopg2://owner@direct.example/catalogue"


@pytest.mark.parametrize("name", ["DATABASE_CONNECTION_POOL_URL", "MIGRATION_DATABASE_URL"])
def test_another_invalid_url_is_refused_and_its_variable_is_named(name):
    assert wrong(**{name: "hunter2"}) == f"{name} is not a URL, such as postgresql://user:password@host:5432/name."


@pytest.mark.parametrize(
    "url", ["hunter2", "forge:hunter2@db", "postgresql://forge:hunter2@db:port/x", "://hunter2", "//forge:hunter2@db/x"]
)
def test_an_invalid_url_is_not_repeated(url):
    sentence = "DATABASE_URL is not a URL, such as postgresql://user:password@host:5432/name."
    assert wrong(DATABASE_URL=url) == sentence


@pytest.mark.parametrize("driver", ["mysql", "postgresql+asyncpg", "sqlite+aiosqlite", "https"])
def test_an_unsupported_database_is_refused_and_named(driver):
    sentence = f"DATABASE_URL is a URL of {driver!r}; this service supports postgresql and sqlite."
    assert wrong(DATABASE_URL=f"{driver}://forge:hunter2@db/x") == sentence


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_sqlite_has_to_be_a_file(url):
    assert wrong(DATABASE_URL=url) == "DATABASE_URL is an SQLite database in memory; use a file."


@pytest.mark.parametrize("digest", ["secret", "a" * 63, "a" * 65, "g" * 64, "\u0661" * 64])
def test_a_digest_is_64_hex_digits(digest):
    sentence = wrong(ADMIN_API_KEY_SHA256=digest)
    assert sentence.startswith("ADMIN_API_KEY_SHA256 is not 64 hex digits: ")
    assert digest not in sentence


def test_a_digest_may_be_in_capitals():
    assert load(environment(POSTGRES, ADMIN_API_KEY_SHA256="AB" * 32))["ADMIN_API_KEY_SHA256"] == "ab" * 32


@pytest.mark.parametrize("value", ["-1", "1.5", "one", "1_0", "\u0661", "10000", "1 0"])
@pytest.mark.parametrize(("name", "minimum"), [("PROXY_COUNT", 0), ("WEB_CONNECTIONS", 1)])
def test_a_number_accepts_plain_digits_only(name, minimum, value):
    assert wrong(**{name: value}) == f"{name} is {value!r}; {NUMBER.format(minimum)}"


def test_a_worker_has_at_least_one_connection():
    assert wrong(WEB_CONNECTIONS="0") == f"WEB_CONNECTIONS is '0'; {NUMBER.format(1)}"


@pytest.mark.parametrize(
    ("variables", "count"),
    [
        ({}, 0),
        ({"PANGEO_FORGE_DEPLOYMENT": ""}, 0),
        ({"PANGEO_FORGE_DEPLOYMENT": "prod"}, 1),
        ({"PANGEO_FORGE_DEPLOYMENT": "prod", "PROXY_COUNT": "0"}, 0),
        ({"PANGEO_FORGE_DEPLOYMENT": "prod", "PROXY_COUNT": " 2 "}, 2),
        ({"PROXY_COUNT": ""}, 0),
    ],
)
def test_a_deployed_service_trusts_one_proxy_by_default(variables, count):
    assert load(environment(POSTGRES, **variables))["PROXY_COUNT"] == count


def test_a_digest_is_sha256_of_salt_and_key_like_the_originals():
    assert key_digest("salt", "key\u00e9") == hashlib.sha256("saltkey\u00e9".encode()).hexdigest()


def test_new_secrets_match_each_other_and_are_unique():
    first, second = new_secrets(), new_secrets()
    assert first["ADMIN_API_KEY_SHA256"] == key_digest(first["ENCRYPTION_SALT"], first["ADMIN_API_KEY"])
    assert set(first.values()).isdisjoint(second.values())
    assert re.fullmatch("pfk_[0-9A-Za-z]{36}", first["ADMIN_API_KEY"])


def test_a_new_admin_key_can_use_an_existing_salt():
    fresh = new_secrets("the-salt")
    assert fresh["ENCRYPTION_SALT"] == "the-salt"
    assert fresh["ADMIN_API_KEY_SHA256"] == key_digest("the-salt", fresh["ADMIN_API_KEY"])


def test_the_environment_overrides_a_local_env_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("ENCRYPTION_SALT=of-the-file\nWEB_CONNECTIONS=3\n")
    monkeypatch.setattr(config, "__file__", str(tmp_path / "config.py"))
    monkeypatch.setattr(os, "environ", environment(POSTGRES, PYTHON_DOTENV_DISABLED="0"))
    given = load()
    assert given["ENCRYPTION_SALT"] == environment(POSTGRES)["ENCRYPTION_SALT"]
    assert given["SQLALCHEMY_ENGINE_OPTIONS"]["pool_size"] == 3


def test_a_server_without_its_settings_ends_with_one_sentence():
    command = [sys.executable, "-c", "import wsgi"]
    root = os.path.dirname(config.__file__)
    ended = subprocess.run(command, cwd=root, env={"DATABASE_URL": "hunter2"}, capture_output=True, text=True)
    sentence = "pangeo-forge: DATABASE_URL is not a URL, such as postgresql://user:password@host:5432/name.\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", sentence)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("TRUSTED_HOSTS", "", None),
        ("TRUSTED_HOSTS", " api.pangeo-forge.org , .pangeo-forge.org,", ["api.pangeo-forge.org", ".pangeo-forge.org"]),
        ("CORS_ORIGINS", "", ["*"]),
        ("CORS_ORIGINS", "*", ["*"]),
        ("CORS_ORIGINS", "https://a.org,http://localhost:3000", ["https://a.org", "http://localhost:3000"]),
        ("RATELIMIT_WRITES", "", "12000/minute"),
        ("RATELIMIT_FAILURES", " 5/hour ", "5/hour"),
        ("RATELIMIT_STORAGE_URI", "", "memory://"),
        ("RATELIMIT_STORAGE_URI", "rediss://:hunter2@host:6379/0", "rediss://:hunter2@host:6379/0"),
        ("RATELIMIT_STORAGE_URI", "valkeys://host", "rediss://host"),
    ],
)
def test_limits_hosts_and_origins_are_accepted(name, text, value):
    assert load(environment(POSTGRES, **{name: text}))[name] == value


@pytest.mark.parametrize(
    ("name", "text", "beginning"),
    [
        ("TRUSTED_HOSTS", "https://a.org", "TRUSTED_HOSTS contains 'https://a.org'; it must list hosts, such as "),
        ("TRUSTED_HOSTS", "a.org,b c", "TRUSTED_HOSTS contains 'b c'; "),
        ("CORS_ORIGINS", "a.org", "CORS_ORIGINS contains 'a.org'; it must list origins, such as "),
        ("CORS_ORIGINS", "https://a.org/", "CORS_ORIGINS contains 'https://a.org/'; "),
        ("CORS_ORIGINS", "https://*.a.org", "CORS_ORIGINS contains 'https://*.a.org'; "),
        ("CORS_ORIGINS", "*,https://a.org", "CORS_ORIGINS contains "),
        ("RATELIMIT_WRITES", "many", "RATELIMIT_WRITES is 'many'; it must be a number per second, minute or hour, "),
        ("RATELIMIT_FAILURES", "0/minute", "RATELIMIT_FAILURES is '0/minute'; "),
        ("RATELIMIT_STORAGE_URI", "hunter2", "RATELIMIT_STORAGE_URI is not memory:// or a URL such as "),
        ("RATELIMIT_STORAGE_URI", "redis://", "RATELIMIT_STORAGE_URI is not memory:// or a URL such as "),
    ],
)
def test_an_invalid_limit_host_or_origin_is_one_sentence(name, text, beginning):
    assert wrong(**{name: text}).startswith(beginning)


@pytest.mark.parametrize(("text", "value"), [(None, False), ("", False), ("0", False), (" 1 ", True)])
def test_legacy_timestamps_are_off_unless_they_are_1(text, value):
    given = {} if text is None else {"LEGACY_TIMESTAMPS": text}
    assert load(environment(POSTGRES, **given))["LEGACY_TIMESTAMPS"] is value


@pytest.mark.parametrize("text", ["true", "yes", "2", "01"])
def test_a_setting_that_is_on_or_off_is_1_or_0(text):
    assert wrong(LEGACY_TIMESTAMPS=text) == f"LEGACY_TIMESTAMPS is {text!r}; it must be 1 or 0."


@pytest.mark.parametrize(
    ("text", "origin", "prefix"),
    [
        ("", "", ""),
        ("https://example.org", "https://example.org", ""),
        (" http://localhost:8000/ ", "http://localhost:8000", ""),
        ("https://example.org/a/b-c.d/", "https://example.org", "/a/b-c.d"),
    ],
)
def test_the_public_url_has_a_host_and_may_have_a_path(text, origin, prefix):
    given = load(environment(POSTGRES, PUBLIC_URL=text))
    assert (given["PUBLIC_ORIGIN"], given["PUBLIC_PREFIX"]) == (origin, prefix)


@pytest.mark.parametrize(
    "text",
    ["example.org", "/forge", "ftp://a", "https://", "https://a//b", "https://a?b", "https://u:p@a", "https://a b"],
)
def test_an_invalid_public_url_is_one_sentence(text):
    assert wrong(PUBLIC_URL=text).startswith(f"PUBLIC_URL is {text!r}; it must be a URL without a query, such as ")
