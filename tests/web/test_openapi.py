import json
import os
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from apispec import APISpec
from marshmallow import fields
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.web.auth import Caller
from app.web.openapi_components import refer_to_component
from tests.support import live
from tests.support.apps import environment, make_app
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
    assert all("example" in parameter for parameter in operation.get("parameters", ()))


def test_every_parameter_of_a_path_has_an_example():
    parameters = [parameter for path in DOCUMENT["paths"].values() for parameter in path.get("parameters", ())]
    assert parameters
    assert all(type(parameter["example"]) is int for parameter in parameters)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_lists_the_errors_it_can_answer_with(name):
    operation = OPERATIONS[name]
    expected = {"422", "500", "503"}
    if "{id}" in name:
        expected |= {"404"}
    if "security" in operation:
        expected |= {"401", "429"} if operation["security"] == [{"GitHubSignature": []}] else {"401", "403", "429"}
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


@pytest.mark.parametrize(
    ("name", "schemes"),
    [
        ("POST /recipe_runs/", ["APIKeyHeader", "BearerToken"]),
        ("POST /bakeries/{id}/reports", ["APIKeyHeader", "BearerToken", "WebhookSignature"]),
        ("POST /bakeries/{id}/lineage", ["APIKeyHeader", "BearerToken", "WebhookSignature"]),
        ("POST /github/hooks/", ["GitHubSignature"]),
    ],
)
def test_each_operation_names_the_ways_to_authenticate(name, schemes):
    assert OPERATIONS[name]["security"] == [{scheme: []} for scheme in schemes]
    assert set(schemes) <= set(DOCUMENT["components"]["securitySchemes"])


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(ids)) == len(ids)


def test_answers_list_all_their_fields_as_required():
    read = DOCUMENT["components"]["schemas"]["RecipeRunDetail"]
    assert set(read["required"]) == set(read["properties"])
    assert "additionalProperties" not in read


def test_a_list_has_plain_records_and_says_that_with_fields_some_may_be_missing():
    answer = OPERATIONS["GET /bakeries/"]["responses"]["200"]
    assert answer["description"] == "A page of bakeries. With `fields`, its records have only these fields."
    content = answer["content"]["application/json"]
    assert content["schema"] == {"type": "array", "items": {"$ref": "#/components/schemas/BakeryRead"}}
    assert set(content["example"][0]) == {"region", "name", "description", "id", "retired_at", "log_url"}


def parts(value, path=()):
    """Every JSON object in `value`, with its path."""
    if isinstance(value, dict):
        yield path, value
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from parts(inner, (*path, name))


def test_every_enum_is_a_named_component():
    inline = [path for path, part in parts(DOCUMENT) if "enum" in part and path[:2] != ("components", "schemas")]
    nested = [path for path, part in parts(DOCUMENT["components"]["schemas"]) if "enum" in part and len(path) > 1]
    assert inline + nested == []
    assert "ErrorPlace" in DOCUMENT["components"]["schemas"]


def test_a_nullable_component_is_any_of_its_reference_and_null():
    conclusion = {"anyOf": [{"$ref": "#/components/schemas/Conclusion"}, {"type": "null"}]}
    for name in ("RecipeRunRead", "RecipeRunCreate", "RecipeRunUpdate"):
        field = DOCUMENT["components"]["schemas"][name]["properties"]["conclusion"]
        assert {"anyOf": field["anyOf"]} == conclusion
        assert not field.keys() & {"type", "enum", "$ref"}
    assert None not in DOCUMENT["components"]["schemas"]["Conclusion"]["enum"]


def test_a_component_with_two_meanings_is_an_error():
    converter = SimpleNamespace(
        spec=APISpec("title", "1", "3.1.0", plugins=[]), field2type_and_format=lambda field: {"type": "string"}
    )
    for values in (["a"], ["a"], ["b"]):
        field = fields.String(metadata={"component": "Letter"})
        with pytest.raises(ValueError, match="Letter") if values == ["b"] else nullcontext():
            refer_to_component(converter, field, {"type": "string", "enum": values})
