"""`python -m app.cli.credentials`: print a salt and an admin key in the format of a `.env` file.

It uses ENCRYPTION_SALT of the environment if that is set. It is not a `flask` command, because those require settings.

`python -m app.cli.credentials .env` completes that file for a service on this machine: it adds the settings that the
file does not have, and prints their names. `flask` and the server read the file.
"""

import os
import sys
from pathlib import Path

from dotenv import dotenv_values

from app.keys import new_secrets

SQLITE = "sqlite:///pangeo_forge.sqlite"  # in the folder instance/
CREDENTIALS = ("ENCRYPTION_SALT", "ADMIN_API_KEY_SHA256")  # belong together


def defaults(present: dict[str, str | None]) -> dict[str, str]:
    """Settings of a service on this machine, besides those that are `present`.

    DATABASE_URL and PORT are those of the environment, if they are set there. The port belongs to the settings because
    the examples are datasets of the service itself, whose addresses contain it.
    """
    port = present.get("PORT") or os.environ.get("PORT") or "8000"
    hosts = f"127.0.0.1:{port},localhost:{port}"
    own = {"DATABASE_URL": os.environ.get("DATABASE_URL") or SQLITE, "PORT": port, "REPR_ALLOWED_HOSTS": hosts}
    missing = {name: value for name, value in own.items() if not present.get(name)}
    if all(present.get(name) for name in CREDENTIALS):
        return missing
    return missing | new_secrets(present.get("ENCRYPTION_SALT") or os.environ.get("ENCRYPTION_SALT", ""))


def complete(path: Path) -> str:
    """Add the missing settings to the file, which only its owner can read. Return a sentence about it."""
    path.touch(mode=0o600)
    present = dotenv_values(path)
    other = [name for name, value in present.items() if os.environ.get(name) not in (None, "", value)]
    added = defaults(present)
    if not added:
        return f"The environment overrides {', '.join(other)} of {path}." if other else f"{path} has all settings."
    lines = [f"{name}={value}" for name, value in added.items()]
    path.write_text("\n".join([*path.read_text().splitlines(), *lines, ""]))
    return f"Added {', '.join(added)} to {path}."


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(complete(Path(sys.argv[1])))
    else:
        secrets = new_secrets(os.environ.get("ENCRYPTION_SALT", ""))
        print("\n".join(f"{name}={value}" for name, value in secrets.items()))
