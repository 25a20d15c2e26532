"""The documents are correct: every command and every block of Python in them runs: `make documents`.

Commands that cannot run here are in `tests.support.documents`. `make test` only parses commands.
"""

import re
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support import documents, live, postgres
from tests.support.apps import ADMIN_KEY, copied, environment, seed, upgrade
from tests.support.own_client import in_path
from tests.support.postgres import free_port

NEEDED = ("jq", "promtool")  # programs that a machine may lack
# What a page has that sends requests to the service, or opens its example datasets.
ASKS = re.compile(rf"{documents.WRITTEN}|\b(pangeo-forge|flask datasets) |\bClient\(")
DOCUMENTS = {str(path.relative_to(live.ROOT)): path for path in documents.documents()}
RUNS = {
    name: [block for block in documents.blocks(path) if block.is_commands and not block.reason]
    for name, path in DOCUMENTS.items()
}
PYTHON = {name: list(documents.python_blocks(path)) for name, path in DOCUMENTS.items()}


@pytest.fixture(scope="module")
def port():
    """The port of all services, one after the other. The examples in the databases have it in their addresses."""
    return free_port()


@pytest.fixture(scope="module")
def sqlite_examples(sqlite_template, port, tmp_path_factory):
    """The URL of a database as `make run` creates it, which has its example datasets itself."""
    url = copied(sqlite_template, tmp_path_factory.mktemp("examples") / "examples.sqlite")
    seed(url, "--address", f"http://127.0.0.1:{port}")
    return url


@pytest.fixture(scope="module")
def postgresql_examples(port):
    """The same on a separate PostgreSQL server, where documents may create databases."""
    with (
        TemporaryDirectory(prefix="postgres-", dir=postgres.MEMORY) as folder,
        postgres.cluster(Path(folder), postgres.SETTINGS) as server,
        postgres.database(server.url) as url,
    ):
        upgrade(url)
        seed(url, "--address", f"http://127.0.0.1:{port}")
        yield url


@pytest.fixture
def name(request):
    """The name of the page."""
    return request.param


@pytest.fixture
def database(request, name, tmp_path):
    """The URL of a new database: PostgreSQL for the pages of operators, SQLite, as of `make run`, for the others."""
    if not name.startswith("docs/operating/"):
        yield copied(request.getfixturevalue("sqlite_examples"), tmp_path / "documents.sqlite")
        return
    examples = request.getfixturevalue("postgresql_examples")
    with postgres.database(examples.set(database="postgres"), examples) as url:
        yield url


@pytest.fixture
def service(name, database, port):
    """The address and the environment of a service, which runs if the page sends it requests."""
    env = environment(database, REPR_ALLOWED_HOSTS=f"127.0.0.1:{port}")
    blocks = [*RUNS[name], *(code for code, _ in PYTHON[name])]
    asks = any(ASKS.search(block.text) for block in blocks)
    with live.server(env, port) if asks else nullcontext():
        yield f"http://127.0.0.1:{port}", env


def link_environment(folder, command):
    """Link this environment of Python into `folder`, with the command of our client, as `pip install ./client` adds."""
    (folder / "bin").mkdir(parents=True)
    for path in (*Path(sys.prefix).iterdir(), *Path(sys.prefix, "bin").iterdir()):
        if path.name not in ("bin", command.name):
            (folder / path.relative_to(sys.prefix)).symlink_to(path)
    (folder / "bin" / command.name).symlink_to(command)


@pytest.fixture
def shell(service, database, tmp_path):
    """The address of the service, and the environment and the folder of a shell in which commands work as typed."""
    address, env = service
    tools = Path(postgres.tool("psql")).parent
    path = in_path(tmp_path)
    link_environment(tmp_path / ".venv", tmp_path / "bin/pangeo-forge")
    (tmp_path / "deploy").symlink_to(live.ROOT / "deploy")
    (tmp_path / ".env").write_text(f"ADMIN_API_KEY={ADMIN_KEY}\n")
    server = {"PGHOST": database.host, "PGPORT": str(database.port), "PGUSER": database.username}
    return (
        address,
        {
            "PATH": f"{path}:{tools}",
            "HOME": str(tmp_path),
            "PYTHONPATH": str(live.ROOT),
            "FLASK_APP": str(live.ROOT / "wsgi.py"),
            "KEY": ADMIN_KEY,
            "PANGEO_FORGE_SERVER": address,
            **(server if database.host else {}),
            **env,
        },
        tmp_path,
    )


@pytest.mark.parametrize("name", [name for name, blocks in RUNS.items() if blocks], indirect=True)
def test_the_commands_of_a_document_run_and_print_what_it_says(name, shell):
    text = "".join(block.text for block in RUNS[name])
    for program in NEEDED:
        if program in text and not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    assert list(documents.run(RUNS[name], *shell)) == []


@pytest.mark.parametrize("name", [name for name, blocks in PYTHON.items() if blocks], indirect=True)
def test_the_python_of_a_document_runs_and_prints_what_it_says(name, service, monkeypatch):
    address, _ = service
    monkeypatch.setenv("KEY", ADMIN_KEY)
    monkeypatch.setenv("PANGEO_FORGE_SERVER", address)
    assert list(documents.run_python(PYTHON[name], address)) == []
