"""Settings: the only reader of the environment.

`load()` turns it into Flask configuration or raises `ConfigError`, whose text is a sentence that names the variable.
Run as a program (`python config.py`), it prints a fresh salt and admin key in the format of a `.env` file.
"""

import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dotenv import load_dotenv
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

STATEMENT_TIMEOUT = 10_000  # milliseconds
# Together under five seconds, after which a client has its 503 even if it waits for both.
POOL_TIMEOUT = 1.8  # seconds a request waits for a connection
LOCK_TIMEOUT = 3_000  # milliseconds it waits for a lock
CONNECT_TIMEOUT = 2  # seconds
MAX_BODY = 1024 * 1024  # bytes
MAX_BULK_BODY = 8 * MAX_BODY


class ConfigError(Exception):
    """A setting is missing or wrong; the text says which and what to do."""


def load(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Flask configuration from `environ`, by default the process environment completed by a local `.env` file."""
    if environ is None:
        load_dotenv(Path(__file__).with_name(".env"))
        environ = os.environ
    url = database_url(environ)
    connections = _whole_number(environ, "WEB_CONNECTIONS", default=4, minimum=1)
    deployment = environ.get("PANGEO_FORGE_DEPLOYMENT", "")
    return {
        "SQLALCHEMY_DATABASE_URI": url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(url, connections),
        "THREADS": _whole_number(environ, "WEB_THREADS", default=100, minimum=1),
        "ENCRYPTION_SALT": _required(
            environ, "ENCRYPTION_SALT", "any long random text; a changed salt voids every key"
        ),
        "ADMIN_API_KEY_SHA256": _admin_digest(environ),
        "METRICS_KEY_SHA256": _digest("METRICS_KEY_SHA256", environ.get("METRICS_KEY_SHA256", "")),
        "METRICS_FOLDER": environ.get("PROMETHEUS_MULTIPROC_DIR", ""),
        "SENTRY_DSN": environ.get("SENTRY_DSN", "").strip(),
        "OTEL_ENDPOINT": environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip(),
        "DEPLOYMENT": deployment,
        "WORKERS": _whole_number(environ, "WEB_CONCURRENCY", default=1, minimum=1),
        "PROXY_COUNT": _whole_number(environ, "PROXY_COUNT", default=1 if deployment else 0),
        "MAX_CONTENT_LENGTH": MAX_BODY,
    }


def database_url(environ: Mapping[str, str]) -> URL:
    """DATABASE_URL with its driver named; `postgres://`, as Heroku writes it, included."""
    text = _required(
        environ, "DATABASE_URL", "for example sqlite:///pangeo_forge.sqlite or postgresql://user@host/name"
    )
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError("DATABASE_URL is not a URL, such as postgresql://user:password@host:5432/name.") from None
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg2"):
        return url.set(drivername="postgresql+psycopg2")
    if url.drivername == "sqlite":
        return url
    raise ConfigError(f"DATABASE_URL names {url.drivername!r}; this service runs on postgresql and sqlite.")


def engine_options(url: URL, pool_size: int) -> dict[str, Any]:
    """A few connections for many threads; PostgreSQL gives up on a statement or a lock before the client does."""
    options: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": POOL_TIMEOUT,
        "hide_parameters": True,  # in errors, and so in logs: there are digests of keys among them
    }
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise ConfigError("DATABASE_URL names an SQLite database in memory; give it a file.")
        return options | {"connect_args": {"timeout": LOCK_TIMEOUT / 1000}}
    timeouts = f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout={LOCK_TIMEOUT}"
    given = url.query.get("options", "")
    return options | {
        "pool_pre_ping": True,
        "connect_args": {"connect_timeout": CONNECT_TIMEOUT, "options": f"{timeouts} {given}".strip()},
    }


@cache
def share_metrics() -> Path:
    """A new folder in which the workers of this server share their metrics.

    prometheus_client wants to be told by this variable, before it is imported.
    """
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    folder = tempfile.mkdtemp(prefix="pangeo-forge-metrics-", dir=memory)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    return Path(folder)


def key_digest(salt: str, key: str) -> str:
    """How a key is stored: `sha256(salt + key)` in hex, as in the original, so that its keys go on working."""
    return hashlib.sha256((salt + key).encode()).hexdigest()


def _required(environ: Mapping[str, str], name: str, hint: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise ConfigError(f"{name} is not set: {hint}.")
    return value


def _admin_digest(environ: Mapping[str, str]) -> str:
    hint = "the hex sha256 of ENCRYPTION_SALT followed by the admin key; `python config.py` makes all three"
    return _digest("ADMIN_API_KEY_SHA256", _required(environ, "ADMIN_API_KEY_SHA256", hint), hint)


def _digest(name: str, text: str, hint: str = "the hex sha256 of ENCRYPTION_SALT followed by the key") -> str:
    """`text` in lower case; empty if it is."""
    digest = text.strip().lower()
    if digest and not re.fullmatch("[0-9a-f]{64}", digest):
        raise ConfigError(f"{name} is not 64 hex digits: {hint}.")
    return digest


def _whole_number(environ: Mapping[str, str], name: str, default: int, minimum: int = 0) -> int:
    text = environ.get(name, "").strip() or str(default)
    if not re.fullmatch("[0-9]{1,4}", text) or int(text) < minimum:
        raise ConfigError(f"{name} is {text!r}; it takes a whole number from {minimum} to 9999.")
    return int(text)


def fresh_secrets() -> dict[str, str]:
    """A random salt and admin key with the digest the service wants; the key itself is for its holder alone."""
    salt, key = secrets.token_hex(16), secrets.token_hex(16)
    return {"ENCRYPTION_SALT": salt, "ADMIN_API_KEY": key, "ADMIN_API_KEY_SHA256": key_digest(salt, key)}


if __name__ == "__main__":
    print("\n".join(f"{name}={value}" for name, value in fresh_secrets().items()))
