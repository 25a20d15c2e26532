"""Reads all settings from the environment.

`load()` returns Flask configuration or raises `ConfigError`, whose message names the variable.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import load_dotenv
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

# The most database connections of a worker, and of all workers of a dyno. Heroku's smallest plan allows 20.
WORKER_CONNECTIONS, DYNO_CONNECTIONS = 8, 16
STATEMENT_TIMEOUT = 10_000  # milliseconds
# A single request that waits for a lock or a new connection is answered 503 within five seconds. Under load, it also
# waits for a connection of the pool, a write twice: to look up its key, and to write. WAIT_TIMEOUT limits the
# sum of these waits.
POOL_TIMEOUT = 4  # whole seconds that a request waits for a connection of the pool
POOL_RECYCLE = 1800  # seconds after which a connection is replaced
LOCK_TIMEOUT = 3_000  # milliseconds that a statement waits for a lock
WAIT_TIMEOUT = 8  # seconds after the start of a request, after which no statement waits for a lock
CONNECT_TIMEOUT = 2  # seconds
REQUEST_TIMEOUT = 15  # seconds for a body to arrive and for statements to begin, see app/database/deadline.py
MAX_BODY = 1024 * 1024  # bytes
MAX_BULK_BODY = 8 * MAX_BODY
# Bytes of all request bodies in a worker: four of the longest, or thousands of ordinary ones. The objects parsed from a
# body need several times its size.
BODY_BUDGET = 4 * MAX_BULK_BODY
SIGNED_BODY_BUDGET = 8 * MAX_BODY  # bytes of the bodies of signed requests, which are read before the caller is known
HOST = r"\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"  # a leading dot includes all subdomains
HOST_AND_PORT = rf"{HOST}(:[0-9]{{1,5}})?"
PREFIX = r"(/[A-Za-z0-9._~-]+)*"  # of a path
ORIGIN = r"https?://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?"


class ConfigError(Exception):
    """A setting is missing or wrong. The message says which, and how to fix it."""


def load(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Flask configuration from `environ`, by default the process environment and `.env`. Raises ConfigError."""
    if environ is None:
        load_dotenv(Path(__file__).with_name(".env"))
        environ = os.environ
    url = direct = database_url(environ)
    if environ.get("DATABASE_CONNECTION_POOL_URL", "").strip():
        url = database_url(environ, "DATABASE_CONNECTION_POOL_URL")
    if environ.get("MIGRATION_DATABASE_URL", "").strip():
        direct = database_url(environ, "MIGRATION_DATABASE_URL")
    workers = _whole_number(environ, "WEB_CONCURRENCY", default=1, minimum=1)
    share = min(WORKER_CONNECTIONS, max(DYNO_CONNECTIONS // workers, 1))
    connections = _whole_number(environ, "WEB_CONNECTIONS", default=share, minimum=1)
    deployment = environ.get("PANGEO_FORGE_DEPLOYMENT", "")
    origin, prefix = _public_url(environ)
    return {
        "SQLALCHEMY_DATABASE_URI": url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(url, connections),
        "MIGRATION_DATABASE_URI": direct if direct != url else None,
        "ENCRYPTION_SALT": _required(
            environ, "ENCRYPTION_SALT", "any long random text; a change of it invalidates every key"
        ),
        "ADMIN_API_KEY_SHA256": _admin_digest(environ),
        "METRICS_KEY_SHA256": _digest("METRICS_KEY_SHA256", environ.get("METRICS_KEY_SHA256", "")),
        "GITHUB_WEBHOOK_SECRET": environ.get("GITHUB_WEBHOOK_SECRET", "").strip(),
        "SENTRY_DSN": environ.get("SENTRY_DSN", "").strip(),
        "OTEL_ENDPOINT": environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip(),
        "DEPLOYMENT": deployment,
        "WORKERS": workers,
        "PROXY_COUNT": _whole_number(environ, "PROXY_COUNT", default=1 if deployment else 0),
        "MAX_CONTENT_LENGTH": MAX_BODY,
        "PUBLIC_ORIGIN": origin,
        "PUBLIC_PREFIX": prefix,
        "TRUSTED_HOSTS": _hosts(environ),
        "CORS_ORIGINS": _names(environ, "CORS_ORIGINS", ORIGIN, "origins, such as https://pangeo-forge.org") or ["*"],
        "LEGACY_TIMESTAMPS": _flag(environ, "LEGACY_TIMESTAMPS"),
        "PUBLIC_LOGS": _flag(environ, "PUBLIC_LOGS"),
        "REPR_ALLOWED_HOSTS": _names(
            environ, "REPR_ALLOWED_HOSTS", HOST_AND_PORT, "hosts, such as ncsa.osn.xsede.org", star=False
        ),
        "RATELIMIT_WRITES": _rate(environ, "RATELIMIT_WRITES", default="12000/minute"),
        "RATELIMIT_FAILURES": _rate(environ, "RATELIMIT_FAILURES", default="60/minute"),
        "RATELIMIT_STORAGE_URI": _storage_uri(environ),
    }


def database_url(environ: Mapping[str, str], name: str = "DATABASE_URL") -> URL:
    """The URL in the variable `name`, with its driver. Heroku writes `postgres://` for PostgreSQL."""
    text = _required(environ, name, "for example sqlite:///pangeo_forge.sqlite or postgresql://user@host/name")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError(f"{name} is not a URL, such as postgresql://user:password@host:5432/name.") from None
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg2"):
        return url.set(drivername="postgresql+psycopg2")
    if url.drivername == "sqlite":
        return url
    raise ConfigError(f"{name} is a URL of {url.drivername!r}; this service supports postgresql and sqlite.")


def engine_options(url: URL, pool_size: int) -> dict[str, Any]:
    """Arguments of `create_engine`. PostgreSQL cancels statements and waits for locks before a client times out."""
    options: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": POOL_TIMEOUT,
        "pool_use_lifo": True,  # recently used connections are not checked, see app/database/engine.py
        "pool_recycle": POOL_RECYCLE,
        "query_cache_size": 200,  # compiled statements; clients can cause any number of different ones
        "hide_parameters": True,  # in errors, which are logged: parameters include digests of keys
    }
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise ConfigError("DATABASE_URL is an SQLite database in memory; use a file.")
        return options | {"paramstyle": "named", "connect_args": {"timeout": LOCK_TIMEOUT / 1000}}
    return options | {
        "skip_autocommit_rollback": True,  # in autocommit, there is nothing to roll back
        # app/database/deadline.py sets these in each transaction. PgBouncer refuses them as options of a connection.
        "execution_options": {"statement_timeout": STATEMENT_TIMEOUT, "lock_timeout": LOCK_TIMEOUT},
        "connect_args": {
            "connect_timeout": CONNECT_TIMEOUT,
            # Otherwise each connection tries Kerberos first, which loads a library of 1 MB.
            "gssencmode": url.query.get("gssencmode", "disable"),
        },
    }


def _required(environ: Mapping[str, str], name: str, hint: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise ConfigError(f"{name} is not set: {hint}.")
    return value


def _admin_digest(environ: Mapping[str, str]) -> str:
    hint = (
        "the hex sha256 of ENCRYPTION_SALT followed by the admin key; `python -m app.cli.credentials` prints all three"
    )
    return _digest("ADMIN_API_KEY_SHA256", _required(environ, "ADMIN_API_KEY_SHA256", hint), hint)


def _digest(name: str, text: str, hint: str = "the hex sha256 of ENCRYPTION_SALT followed by the key") -> str:
    """`text` in lower case; it may be empty. Raises ConfigError if it is no SHA-256 digest."""
    digest = text.strip().lower()
    if digest and not re.fullmatch("[0-9a-f]{64}", digest):
        raise ConfigError(f"{name} is not 64 hex digits: {hint}.")
    return digest


def _whole_number(environ: Mapping[str, str], name: str, default: int, minimum: int = 0) -> int:
    text = environ.get(name, "").strip() or str(default)
    if not re.fullmatch("[0-9]{1,4}", text) or int(text) < minimum:
        raise ConfigError(f"{name} is {text!r}; it must be a whole number from {minimum} to 9999.")
    return int(text)


def _flag(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "").strip()
    if text not in ("", "0", "1"):
        raise ConfigError(f"{name} is {text!r}; it must be 1 or 0.")
    return text == "1"


def _names(environ: Mapping[str, str], name: str, pattern: str, kind: str, star: bool = True) -> list[str]:
    """The items of a list with commas. Empty if `name` is not set or, with `star`, if it is `*`, which means all."""
    given = [item.strip() for item in environ.get(name, "").split(",") if item.strip()]
    if star and given == ["*"]:
        return []
    if wrong := [item for item in given if not re.fullmatch(pattern, item, re.ASCII)]:
        raise ConfigError(f"{name} contains {wrong[0]!r}; it must list {kind}, separated by commas.")
    return given


def _hosts(environ: Mapping[str, str]) -> list[str] | None:
    """The trusted hosts, None for any. In lower case, to which app/web/headers.py converts the host of a request."""
    names = _names(environ, "TRUSTED_HOSTS", HOST, "hosts, such as api.pangeo-forge.org")
    return [name.lower() for name in names] or None


def _public_url(environ: Mapping[str, str]) -> tuple[str, str]:
    """The scheme with the host, and the path of PUBLIC_URL. Both are empty if it is not set."""
    text = environ.get("PUBLIC_URL", "").strip()
    found = re.fullmatch(f"(?P<origin>{ORIGIN})(?P<prefix>{PREFIX})/?", text, re.ASCII)
    if text and not found:
        raise ConfigError(
            f"PUBLIC_URL is {text!r}; it must be a URL without a query, such as https://example.org/forge."
        )
    return (found["origin"], found["prefix"]) if found else ("", "")


def _rate(environ: Mapping[str, str], name: str, default: str) -> str:
    text = environ.get(name, "").strip() or default
    if not re.fullmatch("[1-9][0-9]{0,8}/(second|minute|hour)", text):
        raise ConfigError(f"{name} is {text!r}; it must be a number per second, minute or hour, such as {default}.")
    return text


def _storage_uri(environ: Mapping[str, str]) -> str:
    """The URI of the storage, by default the memory of each worker. Valkey uses the protocol of Redis."""
    text = environ.get("RATELIMIT_STORAGE_URI", "").strip() or "memory://"
    if not re.match("memory://$|(redis|valkey)s?://.", text):
        raise ConfigError("RATELIMIT_STORAGE_URI is not memory:// or a URL such as redis://:password@host:6379/0.")
    return re.sub("^valkey", "redis", text)
