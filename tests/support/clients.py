"""What the tests of generated clients share. `make clients` installs the generators."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.live import ROOT

FOLDER = ROOT / "tests" / "clients"
PYTHON = ROOT / ".venv" / "clients" / "bin"
PACKAGES = FOLDER / "node_modules"
NO_PYTHON = "openapi-python-client is not installed: run `make clients`"
NO_TYPESCRIPT = "openapi-typescript is not installed: run `make clients`, which requires Node.js and npm"


def require(program: Path, reason: str) -> str:
    """The path of `program`; without it the test is skipped with `reason`."""
    if not program.exists():
        pytest.skip(reason)
    return str(program)


def write_document(app, folder: Path) -> str:
    """Write the OpenAPI document into `folder` and return its path."""
    path = folder / "openapi.json"
    path.write_bytes(app.extensions["openapi_json"])
    return str(path)


def lists(app):
    """The path, operation and fields of every list in the document."""
    document = json.loads(app.extensions["openapi_json"])
    for path, item in document["paths"].items():
        content = item.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if schema.get("type") == "array":
            record = document["components"]["schemas"][schema["items"]["$ref"].rpartition("/")[2]]
            yield path, item["get"], list(record["properties"])


def run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run `command` and return what it printed, or fail with that."""
    done = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout
