"""The servers and keys that `pangeo-forge login` has stored."""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from pangeo_forge_client.errors import PangeoForgeError

NAME = "pangeo-forge"
IN_KEYRING = {"keyring": True}  # in the file, in place of a key


def path() -> Path:
    return Path(click.get_app_dir(NAME)) / "credentials.json"


def stored_server() -> str | None:
    """The server of the last login."""
    server = _read().get("server")
    return server if isinstance(server, str) else None


def stored_key(server: str) -> str | None:
    """The key of that server, and never the key of another one."""
    found = _read().get("keys", {}).get(server)
    if found == IN_KEYRING:
        key = _in_keyring("get_password", server)
        return key if isinstance(key, str) else None
    return found if isinstance(found, str) else None


def store(server: str, key: str) -> str:
    """Store a key in the keyring of the system, or else in a file that only its owner may read. Return where."""
    has_keyring = _keyring() is not None
    if has_keyring:
        _in_keyring("set_password", server, key)
    stored = _read()
    keys = stored.get("keys", {}) | {server: IN_KEYRING if has_keyring else key}
    _write(stored | {"server": server, "keys": keys})
    return "the keyring of the system" if has_keyring else str(path())


def forget(server: str) -> bool:
    """Delete the key of that server. Return whether there was one."""
    stored = _read()
    found = stored.get("keys", {}).pop(server, None)
    if found == IN_KEYRING:
        _in_keyring("delete_password", server)
    if stored.get("server") == server:
        del stored["server"]
    if found is not None:
        _write(stored)
    return found is not None


def _in_keyring(action: str, *arguments: str) -> object:
    """What a function of the keyring returns; None if there is no keyring any more."""
    keyring = _keyring()
    if keyring is None:
        return None
    try:
        found: object = getattr(keyring, action)(NAME, *arguments)
    except keyring.errors.KeyringError as error:
        raise PangeoForgeError(f"The keyring of the system does not work: {error}") from None
    return found


def _keyring() -> Any:
    """The package `keyring`, if it is installed and the system has a keyring; else None."""
    try:
        keyring = import_module("keyring")
    except ModuleNotFoundError:
        return None
    return keyring if keyring.get_keyring().priority > 0 else None  # its backend without a keyring has priority 0


def _read() -> dict[str, Any]:
    try:
        stored = json.loads(path().read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise PangeoForgeError(f"{path()} cannot be read: {error}. Delete it, and log in again.") from None
    return stored if isinstance(stored, dict) else {}


def _write(stored: dict[str, Any]) -> None:
    """Replace the file. Other users can never read the new one."""
    new = path().with_suffix(".new")
    try:
        path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(stored, file, indent=1)
        new.replace(path())
    except OSError as error:
        raise PangeoForgeError(f"{path()} cannot be written: {error}") from None
