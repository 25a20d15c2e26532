"""A client that openapi-python-client generates."""

import os
import re

import pytest

from tests.support.apps import ADMIN_KEY
from tests.support.clients import FOLDER, NO_PYTHON, PYTHON, lists, require, run, write_document
from tests.support.databases import on_sqlite

# What the generator cannot read, because the answer is not JSON.
NOT_JSON = {"GET /catalog.yaml", "GET /feed.atom", "GET /feedstocks/{id}/feed.atom", "GET /feedstocks/{id}/badge.svg"}
NOT_JSON |= {"GET /datasets/{id}/thumbnail.png", "PUT /feedstocks/{id}/metadata"}  # a picture, and files in YAML
NOT_JSON |= {"POST /recipe_runs/{id}/logs"}  # lines of text


@pytest.fixture(scope="module")
def generated(sqlite_app, tmp_path_factory):
    """The folder of the generated client, and what the generator printed."""
    folder = tmp_path_factory.mktemp("python")
    generator = require(PYTHON / "openapi-python-client", NO_PYTHON)
    env = os.environ | {"PATH": f"{PYTHON}:{os.environ['PATH']}"}  # it formats the code with ruff
    document = write_document(sqlite_app, folder)
    printed = run(generator, "generate", "--path", document, "--output-path", "client", cwd=folder, env=env)
    return folder / "client", printed


def test_the_generator_warns_of_nothing_but_answers_that_are_not_json(generated):
    assert set(re.findall(r"^WARNING parsing (.*) within", generated[1], re.MULTILINE)) == NOT_JSON


def test_no_type_has_a_number_instead_of_a_name(generated):
    code = "".join(path.read_text() for path in generated[0].rglob("*.py"))
    assert "class RecipeRunRead:" in code
    assert re.findall(r"\w+Type\d\w*", code) == []


@on_sqlite
def test_the_client_reads_every_list(generated, app, service):
    modules = [f"{get['tags'][0].replace('-', '_')}.{get['operationId']}" for _, get, _ in lists(app)]
    script, env = str(FOLDER / "read_lists.py"), {"PYTHONPATH": str(generated[0])}
    printed = run(str(PYTHON / "python"), script, service, ADMIN_KEY, *modules, cwd=generated[0], env=env)
    assert [line.split()[0] for line in printed.splitlines()] == modules
    assert "recipe_runs.list_recipe_runs 15\n" in printed
