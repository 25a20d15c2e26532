"""Hostile bodies, for any resource."""

import gzip
import json

from config import MAX_BODY
from tests.support.hostile import KEY, SEND, invalid
from tests.support.hostile.runs import run
from tests.support.unknown import unknown

# Bodies that are not JSON, and the reason in the answer.
MALFORMED = {
    "nothing": (b"", "Input is a zero-length, empty document: line 1 column 1 (char 0)"),
    "half an object": (b"{", "unexpected end of data: line 1 column 2 (char 1)"),
    "two objects": (b"{}{}", "unexpected content after document: line 1 column 3 (char 2)"),
    "a trailing comma": (b'{"region":"a",}', "trailing comma is not allowed: line 1 column 14 (char 13)"),
    "single quotes": (b"{'region':1}", "unexpected character, expected a string key: line 1 column 2 (char 1)"),
    "a comment": (b"{/**/}", "unexpected character, expected a string key: line 1 column 2 (char 1)"),
    "bad UTF-8": (b'{"region":"\xff"}', "str is not valid UTF-8: surrogates not allowed: line 1 column 1 (char 0)"),
    "UTF-16": (
        '{"region":"a"}'.encode("utf-16"),
        "str is not valid UTF-8: surrogates not allowed: line 1 column 1 (char 0)",
    ),
    "a byte order mark": (
        b'\xef\xbb\xbf{"region":"a"}',
        "UTF-8 byte order mark (BOM) is not supported: line 1 column 1 (char 0)",
    ),
    "NaN": (b'{"region":NaN}', "unexpected character, expected a JSON value: line 1 column 11 (char 10)"),
    "Infinity": (b'{"region":-Infinity}', "no digit after sign: line 1 column 12 (char 11)"),
    "a lone surrogate": (b'{"region":"\\ud800"}', "no low surrogate in string: line 1 column 12 (char 11)"),
    "half a pair of surrogates": (
        b'{"region":"\\ud83d\\u0041"}',
        "invalid low surrogate in string: line 1 column 12 (char 11)",
    ),
    "NUL unescaped": (b'{"region":"\x00"}', "unexpected control character in string: line 1 column 12 (char 11)"),
    "a line break unescaped": (
        b'{"region":"a\nb"}',
        "unexpected control character in string: line 1 column 13 (char 12)",
    ),
    "100,000 lists deep": (b"[" * 100_000, "depth limit exceeded: line 1 column 1026 (char 1025)"),
    "100,000 lists deep and closed": (
        b"[" * 100_000 + b"]" * 100_000,
        "depth limit exceeded: line 1 column 1026 (char 1025)",
    ),
    "100,000 objects deep": (
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "depth limit exceeded: line 1 column 5122 (char 5121)",
    ),
    "a number of 5000 digits": (
        b'{"region":' + b"9" * 5000 + b"}",
        "number is infinity when parsed as double: line 1 column 11 (char 10)",
    ),
    "a number of 10^400": (b'{"region":1e400}', "number is infinity when parsed as double: line 1 column 11 (char 10)"),
    "spaces": (b" " * MAX_BODY, "input data is empty: line 1 column 1 (char 0)"),
}
# Bodies that are JSON but not a bakery, and the errors by pointer.
INVALID = {
    "null": (b"null", {"": "The body must be a JSON object."}),
    "a list": (b"[]", {"": "The body must be a JSON object."}),
    "a list of an object": (b"[{}]", {"": "The body must be a JSON object."}),
    "a string": (b'"x"', {"": "The body must be a JSON object."}),
    "a number": (b"5", {"": "The body must be a JSON object."}),
    "true": (b"true", {"": "The body must be a JSON object."}),
    "an empty object": (
        b"{}",
        {
            "/region": "region: Missing data for required field.",
            "/name": "name: Missing data for required field.",
            "/description": "description: Missing data for required field.",
        },
    ),
    "NUL": (
        b'{"region":"\\u0000","name":"a\\u0000b","description":""}',
        {
            "/region": "region: Must not contain the character U+0000.",
            "/name": "name: Must not contain the character U+0000.",
        },
    ),
    "1,000 lists deep in a field": (
        b'{"region":' + b"[" * 1000 + b"]" * 1000 + b"}",
        {
            "/region": "region: Not a valid string.",
            "/name": "name: Missing data for required field.",
            "/description": "description: Missing data for required field.",
        },
    ),
    "65 fields": (
        json.dumps({f"m{n}": 1 for n in range(65)}).encode(),
        {"": "The body has 65 fields, more than any record has."},
    ),
    "unknown fields of a bakery": (
        b'{"id":7,"__class__":1,"region":"a","name":"b","description":"c"}',
        {"/__class__": unknown("__class__"), "/id": unknown("id")},
    ),
    "a member with a name of NUL": (
        b'{"region":"a","name":"b","description":"c","\\u0000":1}',
        {"/\x00": unknown("\x00")},
    ),
    "texts of other types": (
        b'{"region":5,"name":true,"description":[]}',
        {
            "/region": "region: Not a valid string.",
            "/name": "name: Not a valid string.",
            "/description": "description: Not a valid string.",
        },
    ),
    "texts that are null": (
        b'{"region":null,"name":null,"description":null}',
        {
            "/region": "region: Field may not be null.",
            "/name": "name: Field may not be null.",
            "/description": "description: Field may not be null.",
        },
    ),
    "texts that are empty": (
        b'{"region":"","name":"","description":""}',
        {"/region": "region: Length must be between 1 and 255.", "/name": "name: Length must be between 1 and 255."},
    ),
    "a text of 256 characters": (
        json.dumps({"region": "x" * 256, "name": "a", "description": ""}).encode(),
        {"/region": "region: Length must be between 1 and 255."},
    ),
}
MEDIA_TYPES = {
    "text": "text/plain",
    "a form": "application/x-www-form-urlencoded",
    "a file": "multipart/form-data; boundary=x",
    "XML": "application/xml",
    "a JSON patch": "application/json-patch+json",
    "a merge patch, to create": "application/merge-patch+json",
    "an API's own JSON": "application/vnd.api+json",
    "an unknown type": "json",
    "any type": "*/*",
}
OTHERS = {
    "a body that is too large": (
        ("POST", "/bakeries/", SEND, b" " * (MAX_BODY + 1)),
        (413, "The body is larger than 1048576 bytes."),
    ),
    "a name that is taken": (
        ("POST", "/bakeries/", SEND, b'{"region":"eu","name":"taken","description":"x"}'),
        (409, "bakery 1 already has name 'taken'."),
    ),
    "a compressed body": (
        ("POST", "/bakeries/", SEND | {"Content-Encoding": "gzip"}, gzip.compress(b"{}")),
        (415, "Send the body as it is, without Content-Encoding: gzip."),
    ),
    "a change of a list": (
        ("PATCH", "/recipe_runs/1", SEND, b"[]"),
        invalid("body", {"": "The body must be a JSON object."}),
    ),
    "a change of a string": (
        ("PATCH", "/recipe_runs/1", SEND, b'"x"'),
        invalid("body", {"": "The body must be a JSON object."}),
    ),
    "a change of a number": (
        ("PATCH", "/recipe_runs/1", SEND, b"5"),
        invalid("body", {"": "The body must be a JSON object."}),
    ),
    "a change of pairs": (
        ("PATCH", "/recipe_runs/1", SEND, b'[["version","8"]]'),
        invalid("body", {"": "The body must be a JSON object."}),
    ),
    "a change of nulls": (
        ("PATCH", "/recipe_runs/1", SEND, b'{"recipe_id":null,"bakery_id":null,"started_at":null,"status":null}'),
        invalid(
            "body",
            {
                "/recipe_id": "recipe_id: Field may not be null.",
                "/bakery_id": "bakery_id: Field may not be null.",
                "/started_at": "started_at: Field may not be null.",
                "/status": "status: Field may not be null.",
            },
        ),
    ),
    "a change of unknown fields": (
        ("PATCH", "/recipe_runs/1", SEND, b'{"id":2,"created_at":null}'),
        invalid("body", {"/created_at": unknown("created_at", "completed_at"), "/id": unknown("id")}),
    ),
    "a change to a missing parent": (
        ("PATCH", "/recipe_runs/1", SEND, b'{"bakery_id":99}'),
        invalid("body", {"/bakery_id": "bakery 99 not found"}),
    ),
    "a change as text": (
        ("PATCH", "/recipe_runs/1", KEY | {"Content-Type": "text/plain"}, b"{}"),
        (415, "Send JSON with Content-Type: application/json, not text/plain."),
    ),
    "a change of a missing run": (("PATCH", "/recipe_runs/99", SEND, b"{}"), (404, "recipe run 99 not found")),
    "an invalid change of a missing run": (
        ("PATCH", "/recipe_runs/99", SEND, b'{"status":1}'),
        invalid("body", {"/status": "status: Not a valid string."}),
    ),
    "a change with an invalid id": (
        ("PATCH", "/recipe_runs/abc", SEND, b"["),
        invalid("path", {"/id": "id must be a whole number."}),
    ),
    "no runs in bulk": (
        ("POST", "/recipe_runs/bulk", SEND, b'{"recipe_runs":[]}'),
        invalid("body", {"/recipe_runs": "recipe_runs: Length must be between 1 and 1000."}),
    ),
    "1,001 runs in bulk": (
        ("POST", "/recipe_runs/bulk", SEND, b'{"recipe_runs":[' + b"1," * 1000 + b"1]}"),
        invalid("body", {"/recipe_runs": "recipe_runs: Length must be between 1 and 1000."}),
    ),
    "one wrong run in bulk": (
        ("POST", "/recipe_runs/bulk", SEND, b'{"recipe_runs":[' + run() + b"," + run(bakery_id=99) + b"]}"),
        invalid("body", {"/recipe_runs/1/bakery_id": "recipe_runs/1: bakery 99 not found"}),
    ),
}


def unsupported(media_type):
    name = media_type.partition(";")[0]
    return 415, f"Send JSON with Content-Type: application/json, not {name}."


REQUESTS = (
    OTHERS
    | {
        f"a body of {name}": (("POST", "/bakeries/", SEND, body), (400, f"The body is not valid JSON: {reason}."))
        for name, (body, reason) in MALFORMED.items()
    }
    | {
        f"a bakery of {name}": (("POST", "/bakeries/", SEND, body), invalid("body", sentences))
        for name, (body, sentences) in INVALID.items()
    }
    | {
        f"a body as {name}": (("POST", "/bakeries/", KEY | {"Content-Type": value}, b"{}"), unsupported(value))
        for name, value in MEDIA_TYPES.items()
    }
)
