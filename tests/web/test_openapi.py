import json
import os
import subprocess
import sys

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.web.auth import Caller
from tests.conftest import environment, make_app
from tests.support import live
from tests.support.databases import on_sqlite

DOCUMENT = json.loads(make_app("sqlite:///never-opened.sqlite").extensions["openapi_json"])
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
}


@on_sqlite  # the document is the same on any database
def test_the_document_is_valid_openapi_3_1(client):
    assert client.get("/openapi.json").json == DOCUMENT
    assert DOCUMENT["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(DOCUMENT).validate()


@on_sqlite
@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_document_is_the_same_bytes_in_every_process(client, seed):
    script = "from wsgi import app; print(app.extensions['openapi_json'].decode(), end='')"
    env = {"PYTHONHASHSEED": seed, "PATH": os.environ["PATH"], **environment("sqlite:///never-opened.sqlite")}
    printed = subprocess.run([sys.executable, "-c", script], env=env, cwd=live.ROOT, capture_output=True, check=True)
    assert printed.stdout == client.get("/openapi.json").data


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_a_summary_a_description_and_examples(name):
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"]
    for part in (operation.get("requestBody", {}), *operation["responses"].values()):
        assert all("example" in media for media in part.get("content", {}).values())
    assert all(parameter["schema"]["examples"] for parameter in operation.get("parameters", ()))


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_lists_the_errors_it_can_answer_with(name):
    operation = OPERATIONS[name]
    expected = {"422", "500", "503"}
    if "{id}" in name:
        expected |= {"404"}
    if "security" in operation:
        expected |= {"401", "403", "429"}
    if "requestBody" in operation:
        expected |= {"400", "408", "413", "415"}
    assert expected <= set(operation["responses"])


def test_the_document_requires_a_key_exactly_for_the_routes_that_do(app):
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<id:id>", "{id}")
        if path in DOCUMENT["paths"]:
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                caller = app.view_functions[rule.endpoint].caller
                assert ("security" in OPERATIONS[f"{method} {path}"]) == (caller is not Caller.PUBLIC)


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(ids)) == len(ids)


def test_answers_list_all_their_fields_as_required():
    read = DOCUMENT["components"]["schemas"]["RecipeRunDetail"]
    assert set(read["required"]) == set(read["properties"])
    assert "additionalProperties" not in read


def test_records_of_a_list_may_have_only_some_of_their_fields():
    answer = OPERATIONS["GET /bakeries/"]["responses"]["200"]["content"]["application/json"]
    assert answer["schema"]["items"]["anyOf"][0] == {"$ref": "#/components/schemas/BakeryRead"}
    assert answer["schema"]["items"]["anyOf"][1]["type"] == "object"
    assert set(answer["example"][0]) == {"region", "name", "description", "id", "retired_at"}
