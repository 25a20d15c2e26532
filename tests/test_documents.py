"""The documents are correct: every command in them runs, or is in the list of those that cannot run here."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import ADMIN_KEY, SEED, application, copied, environment, upgrade
from tests.support import documents, live, postgres
from tests.support.own_client import in_path
from tests.support.postgres import free_port

# What cannot run here, and why. A block of commands that has one of these is only parsed.
CANNOT_RUN = {
    r"\bheroku ": "needs an account at Heroku",
    r"\bdocker ": "needs a Docker engine",
    r"\bkubectl ": "needs a cluster",
    r"\bfly ": "needs an account at Fly",
    r"\b(sudo|journalctl) ": "changes the machine, or needs systemd",
    r"api\.pangeo-forge\.org|https://HOST": "needs a deployed service",
    r"\bpip install ": "needs a package index; the tests of the Makefile install the same packages",
    r"\b(npx|openapi-python-client) ": "needs the programs of `make clients`; tests/clients generates both clients",
    r"\bgit (push|tag) ": "needs another repository, or changes this one",
    r"\bmake [a-z-]+": "takes minutes or serves for ever; the tests compare the names of targets with the Makefile",
    r"\bpytest ": "would run tests inside of a test",
    r"\bpangeo-forge-production\.dump": "the backup of the original is not public; tests/migrations restores it",
    r"^bash again\.sh|^less again\.sh": "installs packages of an index; tests/services/test_reproduce.py runs it",
}
NEEDED = ("jq", "promtool")  # programs that a machine may lack
SHELL = ("console", "sh")
NEWER_THAN_CURL_7_81 = ("--json", "%header{", "--url-query", "--variable", "--rate ", "--remove-on-error")
HERE = re.compile(r"<<'(\w+)'.*?^\1$", re.DOTALL | re.MULTILINE)  # a text that is the input of a command
QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|#.*")  # and comments
DOCUMENTS = {str(path.relative_to(live.ROOT)): path for path in documents.documents()}
BLOCKS = [block for path in DOCUMENTS.values() for block in documents.blocks(path)]


def reason(block):
    """Why a block cannot run here, or None."""
    return next((why for pattern, why in CANNOT_RUN.items() if re.search(pattern, block.text, re.MULTILINE)), None)


RUNS = {
    name: [block for block in documents.blocks(path) if block.language in SHELL and not reason(block)]
    for name, path in DOCUMENTS.items()
}


@pytest.fixture(scope="module")
def own_postgres():
    """The URL of a migrated database on a separate PostgreSQL server, where documents may create databases."""
    with (
        TemporaryDirectory(prefix="postgres-", dir=postgres.MEMORY) as folder,
        postgres.cluster(Path(folder), postgres.SETTINGS) as server,
        postgres.database(server.url) as url,
    ):
        upgrade(url)
        yield url


@pytest.fixture
def database(request, tmp_path):
    """The URL of a new database: PostgreSQL for the pages of operators, SQLite, as of `make run`, for the others."""
    if not request.node.callspec.params["name"].startswith("docs/operating/"):
        yield copied(request.getfixturevalue("sqlite_template"), tmp_path / "documents.sqlite")
        return
    template = request.getfixturevalue("own_postgres")
    with postgres.database(template.set(database="postgres"), template) as url:
        yield url


@pytest.fixture
def service(database):
    """The address and the environment of a service as `make run` starts it, which has its example datasets itself."""
    port = free_port()
    with application(database) as app:
        seed = [*SEED, "--address", f"http://127.0.0.1:{port}"]
        assert app.test_cli_runner().invoke(args=seed).exit_code == 0
    env = environment(database, REPR_ALLOWED_HOSTS=f"127.0.0.1:{port}")
    with live.server(env, port) as address:
        yield address, env


@pytest.fixture
def shell(service, database, tmp_path):
    """The address of the service, and the environment and the folder of a shell in which commands work as typed."""
    address, env = service
    tools = Path(postgres.tool("psql")).parent
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "deploy").symlink_to(live.ROOT / "deploy")
    (tmp_path / ".env").write_text(f"ADMIN_API_KEY={ADMIN_KEY}\n")
    server = {"PGHOST": database.host, "PGPORT": str(database.port), "PGUSER": database.username}
    return (
        address,
        {
            "PATH": f"{in_path(tmp_path)}:{tools}",
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


@pytest.mark.parametrize("name", [name for name, blocks in RUNS.items() if blocks])
def test_the_commands_of_a_document_run_and_print_what_it_says(name, shell):
    text = "".join(block.text for block in RUNS[name])
    for program in NEEDED:
        if program in text and not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    assert list(documents.run(RUNS[name], *shell)) == []


@pytest.mark.parametrize("name", [name for name, path in DOCUMENTS.items() if any(documents.python_blocks(path))])
def test_the_python_of_a_document_runs_and_prints_what_it_says(name, service, monkeypatch):
    address, _ = service
    monkeypatch.setenv("KEY", ADMIN_KEY)
    monkeypatch.setenv("PANGEO_FORGE_SERVER", address)
    assert list(documents.run_python(documents.python_blocks(DOCUMENTS[name]), address)) == []


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in SHELL], ids=str)
def test_a_block_of_commands_is_correct_bash(block):
    script = "\n".join(command for command, _ in block.steps)
    parsed = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert (parsed.returncode, parsed.stderr) == (0, "")


def test_every_reason_not_to_run_a_command_is_needed():
    texts = [block.text for block in BLOCKS if block.language in SHELL]
    for pattern in CANNOT_RUN:
        assert any(re.search(pattern, text, re.MULTILINE) for text in texts), pattern


def test_every_block_says_its_language():
    assert [str(block) for block in BLOCKS if not block.language] == []


def test_commands_are_only_in_blocks_that_are_run_or_listed():
    """Blocks of other languages, and blocks that are indented, are no commands."""
    start = r"^(\$ |make |curl |heroku |flask |\.venv/|pangeo-forge |pip |docker |kubectl |psql |sudo )"
    others = [block for block in BLOCKS if block.language not in SHELL]
    assert [str(block) for block in others if re.search(start, block.text, re.MULTILINE)] == []
    for path in DOCUMENTS.values():
        assert not re.search(r"\n\n {4}\S", documents.outside_blocks(path)), path.name


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in SHELL], ids=str)
def test_a_block_of_commands_suits_zsh_and_the_curl_of_ubuntu_22_04(block):
    """zsh takes `?`, `*` and `[` for patterns of names of files, and fails if there is no such file."""
    for command, _ in block.steps:
        assert "curl " not in command or not [new for new in NEWER_THAN_CURL_7_81 if new in command]
        words = QUOTED.sub("", HERE.sub("", command)).split()
        assert [word for word in words if re.search(r"[?*]|\S\[|https?:\S*&", word) and word != "$?"] == []
