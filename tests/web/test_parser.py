"""Strict validation of media types, JSON, fields, ids and parameters. It is the same on both databases.

What is refused before the first statement about a record is tested on one database.
"""

import gzip

import pytest

from config import MAX_BODY
from tests.support.databases import on_sqlite
from tests.support.factories import BODY, MAKE, make_bakery, make_run
from tests.support.unknown import unknown

THE_LIST, NO_PARAMETERS = "/docs lists the parameters.", "This path has no parameters."
NOT_A_STRING = "Not a valid string."
NOT_AN_INTEGER = "Not a valid integer."
NOT_A_BOOLEAN = "Not a valid boolean."
NOT_AN_ID = "Must be greater than or equal to 1 and less than or equal to 2147483647."

# Each field with its resource and the lengths of its shortest and longest text.
TEXT = {
    "region": ("bakeries", 1, 255),
    "name": ("bakeries", 1, 255),
    "description": ("bakeries", 0, 10_000),
    "spec": ("feedstocks", 1, 255),
    "recipe_id": ("recipe_runs", 1, 255),
    "head_sha": ("recipe_runs", 1, 255),
    "version": ("recipe_runs", 0, 255),
    "dataset_public_url": ("recipe_runs", 0, 2048),
    "message": ("recipe_runs", 0, 100_000),
}
CHOICES = {
    "provider": ("feedstocks", ["github"]),
    "status": ("recipe_runs", ["queued", "in_progress", "completed"]),
    "conclusion": (
        "recipe_runs",
        ["action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"],
    ),
    "dataset_type": ("recipe_runs", ["zarr", "kerchunk", "parquet", "netcdf", "icechunk"]),
}
MALFORMED = {
    "nothing": b"",
    "blanks": b" \n",
    "unfinished": b"{",
    "single quotes": b"{'version':'1'}",
    "trailing comma": b'{"version":"1",}',
    "trailing text": b"{} x",
    "two documents": b"{}{}",
    "comment": b"{}//",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "bad UTF-8": b'{"version":"\xff"}',
    "overlong UTF-8": b'{"version":"\xc0\x80"}',
    "encoded surrogate": b'{"version":"\xed\xa0\x80"}',
    "lone surrogate": b'{"version":"\\ud800"}',
    "lone surrogate in a name": b'{"\\udfff":1}',
    "raw NUL": b'{"version":"\x00"}',
    "raw newline": b'{"version":"\n"}',
    "NaN": b'{"version":NaN}',
    "Infinity": b'{"version":Infinity}',
    "-Infinity": b'{"version":-Infinity}',
    "1e400": b'{"version":1e400}',
    "5000 digits": b'{"bakery_id":' + b"9" * 5000 + b"}",
    "leading zero": b'{"bakery_id":01}',
    "plus": b'{"bakery_id":+1}',
    "underscore": b'{"bakery_id":1_0}',
    "hexadecimal": b'{"bakery_id":0x10}',
    "Arabic digit": b'{"bakery_id":\xd9\xa1}',
    "deep array": b"[" * 100_000,
    "deep array, closed": b"[" * 100_000 + b"]" * 100_000,
    "deep object": b'{"version":' * 50_000 + b"1" + b"}" * 50_000,
}


WRITES = [
    (method, path.format(resource)) for resource in MAKE for method, path in [("POST", "/{}/"), ("PATCH", "/{}/1")]
] + [("POST", "/api-keys")]


def errors_of(response):
    """The errors of a 422, as (part of the request, pointer, sentence)."""
    assert response.status_code == 422
    return [(error["in"], error["pointer"], error["detail"]) for error in response.json["errors"]]


def all_wrong(detail, names):
    return [("body", f"/{name}", f"{name}: {detail}") for name in names]


def send(app, admin, method, resource, **fields):
    """Create a record of the resource with these fields, or update one with them."""
    if method == "POST":
        return admin.post(f"/{resource}/", json=BODY[resource](app, **fields))
    return admin.patch(f"/{resource}/{MAKE[resource](app).id}", json=fields)


def texts_of(resource):
    return [name for name, (owner, _, _) in TEXT.items() if owner == resource]


@on_sqlite
@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_is_not_json_is_400(admin, data):
    response = admin.post("/recipe_runs/", data=data, content_type="application/json")
    assert response.status_code == 400
    assert response.json["detail"].startswith("The body is not valid JSON: ")
    assert response.json["detail"].endswith(").")


@on_sqlite
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_json_is_parsed_before_a_record_is_looked_up(admin, method, path):
    response = admin.open(path, method=method, data=b"{", content_type="application/json")
    assert response.status_code == 400
    assert response.json["detail"] == "The body is not valid JSON: unexpected end of data: line 1 column 2 (char 1)."


@on_sqlite
@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("data", [b"null", b"[]", b'"x"'])
def test_a_body_that_is_not_an_object_is_422(admin, method, path, data):
    response = admin.open(path, method=method, data=data, content_type="application/json")
    assert errors_of(response) == [("body", "", "The body must be a JSON object.")]


@on_sqlite
@pytest.mark.parametrize("data", [b"[{}]", b"5", b"0", b"true", b"false", b'[["version","8"]]', b'""'])
def test_any_other_json_value_is_not_an_object(admin, data):
    response = admin.patch("/recipe_runs/1", data=data, content_type="application/json")
    assert errors_of(response) == [("body", "", "The body must be a JSON object.")]


@pytest.mark.parametrize("content_type", [None, "Application/JSON", "application/json; charset=utf-8"])
@pytest.mark.parametrize("blanks", ["", " \r\n\t"])
def test_json_with_its_media_type_or_with_none_is_accepted(admin, content_type, blanks):
    response = admin.post("/feedstocks/", data=blanks + '{"spec":"a/b"}' + blanks, content_type=content_type)
    assert response.status_code == 201


@on_sqlite
@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x"])
def test_another_media_type_is_415(admin, method, path, content_type):
    response = admin.open(path, method=method, data=b"{}", content_type=content_type)
    assert response.status_code == 415
    name = content_type.partition(";")[0]
    assert response.json["detail"] == f"Send JSON with Content-Type: application/json, not {name}."
    assert "Accept-Encoding" not in response.headers


@on_sqlite
@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "application/vnd.api+json",
        "application/jsonlines",
        "application/json-patch+json",
        "application/merge-patch+json",
        "json",
        "*/*",
    ],
)
def test_no_other_media_type_is_json_either(admin, content_type):
    assert admin.post("/feedstocks/", data=b'{"spec":"a/b"}', content_type=content_type).status_code == 415


@pytest.mark.parametrize("resource", MAKE)
def test_update_accepts_a_merge_patch(app, admin, resource):
    path = f"/{resource}/{MAKE[resource](app).id}"
    assert admin.patch(path, data=b"{}", content_type="application/merge-patch+json").status_code == 200


@pytest.mark.parametrize(("encoding", "status"), [("gzip", 415), ("br", 415), ("identity", 201)])
def test_a_compressed_body_is_415(admin, encoding, status):
    data = gzip.compress(b'{"spec":"a/b"}') if encoding == "gzip" else b'{"spec":"a/b"}'
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    response = admin.post("/feedstocks/", data=data, headers=headers)
    assert response.status_code == status
    if status == 415:
        assert response.json["detail"] == f"Send the body as it is, without Content-Encoding: {encoding}."
        assert response.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(("size", "status"), [(MAX_BODY, 201), (MAX_BODY + 1, 413)])
def test_a_body_has_at_most_a_megabyte(admin, size, status):
    response = admin.post("/feedstocks/", data=b'{"spec":"a/b"}'.ljust(size), content_type="application/json")
    assert response.status_code == status
    if status == 413:
        assert response.json["detail"] == "The body is larger than 1048576 bytes."


@pytest.mark.parametrize(("size", "status"), [(MAX_BODY - 1, 201), (MAX_BODY + 1, 413), (2 * MAX_BODY, 413)])
def test_a_chunked_body_has_at_most_a_megabyte(admin, size, status):
    chunked = {"wsgi.input_terminated": True, "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    data = b'{"spec":"a/b"}'.ljust(size)
    response = admin.post("/feedstocks/", data=data, content_type="application/json", environ_overrides=chunked)
    assert response.status_code == status


def test_the_last_of_two_equal_names_is_used(admin):
    response = admin.post("/feedstocks/", data=b'{"spec":"a/a","spec":"b/b"}', content_type="application/json")
    assert response.json["spec"] == "b/b"


@on_sqlite
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    ("resource", "names"),
    [
        ("bakeries", ["region", "name", "description"]),
        ("feedstocks", ["spec", "provider"]),
        ("recipe_runs", ["recipe_id", "head_sha", "version", "started_at", "status", "is_test"]),
        ("recipe_runs", ["bakery_id", "feedstock_id"]),
    ],
)
def test_null_for_a_field_that_is_not_nullable_is_422(app, admin, method, resource, names):
    response = send(app, admin, method, resource, **dict.fromkeys(names))
    assert errors_of(response) == all_wrong("Field may not be null.", names)


@on_sqlite
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("value", [5, 1.5, True, [], {}, ["x"]])
@pytest.mark.parametrize("resource", MAKE)
def test_text_is_a_json_string(app, admin, method, resource, value):
    names = texts_of(resource)
    response = send(app, admin, method, resource, **dict.fromkeys(names, value))
    assert errors_of(response) == all_wrong(NOT_A_STRING, names)


@on_sqlite
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("resource", MAKE)
@pytest.mark.parametrize("value", ["\0", "a\0b"])
def test_text_with_nul_is_422(app, admin, method, resource, value):
    names = texts_of(resource)
    response = send(app, admin, method, resource, **dict.fromkeys(names, value))
    assert errors_of(response) == all_wrong("Must not contain the character U+0000.", names)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("name", sorted(TEXT.keys() - {"spec"}))  # a spec has a narrower form
def test_text_has_a_maximum_length_in_characters(app, admin, method, name):
    resource, shortest, longest = TEXT[name]
    response = send(app, admin, method, resource, **{name: "😀" * longest})
    assert (response.status_code, response.json[name]) == ({"POST": 201, "PATCH": 200}[method], "😀" * longest)
    response = send(app, admin, method, resource, **{name: "😀" * (longest + 1)})
    assert errors_of(response) == [("body", f"/{name}", f"{name}: Length must be between {shortest} and {longest}.")]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("name", TEXT)
def test_text_has_a_minimum_length(app, admin, method, name):
    resource, shortest, longest = TEXT[name]
    response = send(app, admin, method, resource, **{name: ""})
    if shortest == 0:
        assert response.json[name] == ""
    else:
        assert errors_of(response) == [("body", f"/{name}", f"{name}: Length must be between 1 and {longest}.")]


@on_sqlite
@pytest.mark.parametrize("action", ["Create", "Update"])
@pytest.mark.parametrize("name", TEXT)
def test_the_lengths_of_text_are_documented(client, name, action):
    resource, shortest, longest = TEXT[name]
    schema = {"bakeries": "Bakery", "feedstocks": "Feedstock", "recipe_runs": "RecipeRun"}[resource] + action
    member = client.get("/openapi.json").json["components"]["schemas"][schema]["properties"][name]
    assert (member["minLength"], member["maxLength"]) == (shortest, longest)


@pytest.mark.parametrize("text", ["a\n\t\rb", "\u00e9", "\u202e\ufeff", "\x7f\x01", "\uffff", "';--\"\\%00"])
def test_text_comes_back_unchanged(app, admin, text):
    bakery = admin.post("/bakeries/", json={"region": text, "name": text, "description": text}).json
    assert admin.get("/bakeries/").json == [bakery]
    given = {"region": text, "name": text, "description": text}
    assert bakery == given | {"id": bakery["id"], "retired_at": None, "log_url": None}


@on_sqlite
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    ("value", "detail"),
    [
        *((value, NOT_AN_INTEGER) for value in [1.9, 1.0, 1e30, True, "1", "", "1_0", "\u0661", "NaN", [1], {}]),
        *((value, NOT_AN_ID) for value in [0, -1, 2**31, 2**63, 2**64 - 1]),
    ],
)
def test_a_parents_id_is_a_json_integer_that_fits_the_column(app, admin, method, value, detail):
    response = send(app, admin, method, "recipe_runs", bakery_id=value, feedstock_id=value)
    assert errors_of(response) == all_wrong(detail, ["bakery_id", "feedstock_id"])


@on_sqlite
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("value", [0, 1, 1.0, "true", "false", "yes", "", "1", [], {}])
def test_a_flag_is_a_json_boolean(app, admin, method, value):
    response = send(app, admin, method, "recipe_runs", is_test=value)
    assert errors_of(response) == [("body", "/is_test", f"is_test: {NOT_A_BOOLEAN}")]


# A completed run needs a conclusion, and only the service sets the conclusion stale: tests/models/test_recipe_runs.py.
FREE = [(name, value) for name in CHOICES for value in CHOICES[name][1] if value not in ("completed", "stale")]


@pytest.mark.parametrize(("name", "value"), FREE)
def test_each_choice_is_accepted(app, admin, name, value):
    assert send(app, admin, "PATCH", CHOICES[name][0], **{name: value}).json[name] == value


@on_sqlite
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("change", [str.upper, lambda _: "", "{} ".format, "{}\0".format])
def test_a_value_that_resembles_a_choice_is_422(app, admin, method, name, change):
    resource, choices = CHOICES[name]
    response = send(app, admin, method, resource, **{name: change(choices[0])})
    assert errors_of(response) == all_wrong(f"Must be one of: {', '.join(choices)}.", [name])


@on_sqlite
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("value", [0, True, ["queued"], {"queued": 1}])
def test_a_choice_is_a_json_string(app, admin, method, value):
    names = ["conclusion", "status", "dataset_type"]
    response = send(app, admin, method, "recipe_runs", **dict.fromkeys(names, value))
    assert errors_of(response) == all_wrong(NOT_A_STRING, names)


@on_sqlite
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("resource", MAKE)
def test_unknown_fields_are_422(app, admin, method, resource):
    names = ["", "\0", "ID", "__class__", "_schema", "bakery", "id", "metadata", "recipe_runs"]
    response = send(app, admin, method, resource, **dict.fromkeys(names, 1))
    nearest = {"bakery": "bakery_id", "recipe_runs": "recipe_id"} if resource == "recipe_runs" else {}
    assert errors_of(response) == [("body", f"/{name}", unknown(name, nearest.get(name))) for name in names]


def test_all_errors_are_listed_at_once_in_order(app, admin):
    others = {"z/~": 1, "a": 1, "id": 1}
    response = admin.patch(f"/recipe_runs/{make_run(app).id}", json=others | {"status": 1, "recipe_id": None})
    assert [pointer for _, pointer, _ in errors_of(response)] == ["/recipe_id", "/status", "/a", "/id", "/z~1~0"]
    assert response.json["detail"] == (
        f"recipe_id: Field may not be null. status: Not a valid string. {unknown('a')} {unknown('id')} {unknown('z/~')}"
    )


def test_an_error_in_one_field_keeps_the_others_from_being_stored(app, admin):
    bakery = make_bakery(app, region="us")
    assert admin.patch(f"/bakeries/{bakery.id}", json={"region": "eu", "name": 5}).status_code == 422
    assert admin.get(f"/bakeries/{bakery.id}").json["region"] == "us"


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("record_id", [0, -1, 2**31 - 1, 2**31, 2**63, 10**40, -(10**40)])
def test_an_id_that_no_record_can_have_is_404(admin, method, record_id):
    response = admin.open(f"/recipe_runs/{record_id}", method=method, json={})
    assert (response.status_code, response.json["detail"]) == (404, f"recipe run {record_id} not found")


@pytest.mark.parametrize(
    "path", ["/bakeries/abc", "/feedstocks/1.0", "/recipe_runs/register", "/feedstocks/x/datasets"]
)
def test_an_id_is_a_number_everywhere(client, path):
    assert errors_of(client.get(path)) == [("path", "/id", "id must be a whole number.")]


@on_sqlite
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "record_id", ["01", "1e0", "1_0", "null", "*", "%00", "1%00", "%201", "1%0A", "+1", "%D9%A1", "%FF"]
)
def test_an_id_that_is_not_a_number_is_422(admin, method, record_id):
    response = admin.open(f"/recipe_runs/{record_id}", method=method, json={})
    assert errors_of(response) == [("path", "/id", "id must be a whole number.")]


def test_an_id_of_5000_digits_is_422(client):
    assert errors_of(client.get("/bakeries/" + "9" * 5000)) == [("path", "/id", "id must be a whole number.")]


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path", "advice"),
    [
        ("GET", "/bakeries/", THE_LIST),
        ("POST", "/bakeries/", NO_PARAMETERS),
        ("GET", "/bakeries/1", NO_PARAMETERS),
        ("PATCH", "/bakeries/1", NO_PARAMETERS),
        ("DELETE", "/bakeries/1", NO_PARAMETERS),
        ("GET", "/stats/bakeries", NO_PARAMETERS),
        ("GET", "/stats/datasets", THE_LIST),
        ("GET", "/feedstocks/1/datasets", THE_LIST),
        ("POST", "/api-keys", NO_PARAMETERS),
    ],
)
def test_unknown_parameters_are_422(admin, method, path, advice):
    response = admin.open(f"{path}?%00&=&a/~=1&x=%FF", method=method, json={})
    names = {"": "", "\0": "\0", "a/~": "a~1~0", "x": "x"}
    expected = [("query", f"/{names[name]}", f"{name}: Unknown field. {advice}") for name in names]
    assert sorted(errors_of(response)) == expected


@on_sqlite
@pytest.mark.parametrize(
    ("path", "name", "nearest"),
    [
        ("/recipe_runs/?stauts=queued", "stauts", "status"),
        ("/datasets/?tpye=all", "tpye", "type"),
        ("/bakeries/1/recipe_runs?order=id", "order", "order_by"),
        ("/stats/overview?sinc=2022-01-01", "sinc", "since"),
    ],
)
def test_an_unknown_parameter_names_the_nearest_one(app, client, path, name, nearest):
    assert errors_of(client.get(path)) == [("query", f"/{name}", unknown(name, nearest, of="parameters"))]


def test_an_unknown_field_of_a_list_item_names_the_nearest_one(admin):
    response = admin.post("/recipe_runs/bulk", json={"recipe_runs": [{"recipe": "a"}]})
    assert ("body", "/recipe_runs/0/recipe", f"recipe_runs/0: {unknown('recipe', 'recipe_id')}") in errors_of(response)


def test_only_the_first_unknown_names_are_compared_with_the_known_ones(client):
    errors = errors_of(client.get("/bakeries/?" + "&".join(f"limit{number}=1" for number in range(300))))
    assert len(errors) == 300
    assert sum("Did you mean limit?" in detail for *_, detail in errors) == 10


@pytest.mark.parametrize("path", ["/bakeries/?limit=1&limit=2", "/bakeries/?limit=1&offset=0&limit=1"])
def test_a_parameter_given_twice_is_422(client, path):
    assert errors_of(client.get(path)) == [("query", "/limit", "limit is given more than once.")]


@pytest.mark.parametrize("path", ["/bakeries/?", "/bakeries/?&", "/stats/bakeries?"])
def test_an_empty_query_is_ignored(client, path):
    assert client.get(path).status_code == 200


def test_a_body_to_get_is_ignored(client):
    assert client.get("/bakeries/", data=b"{", content_type="text/plain").status_code == 200
