"""Hostile requests about authentication and methods."""

from app.keys import key_digest
from app.web import auth
from tests.support.apps import ADMIN_KEY, SALT
from tests.support.hostile import JSON, KEY, SEND, invalid
from tests.support.unknown import unknown

NO_KEY = (403, auth.NO_KEY)
WRONG_KEY = (401, auth.WRONG_KEY)
NOT_POSSIBLE = " is not possible at /bakeries/1, only DELETE, GET, HEAD, OPTIONS, PATCH."

REQUESTS = {
    "no key": (("POST", "/bakeries/", JSON, b"{}"), NO_KEY),
    "an empty key": (("POST", "/bakeries/", {"X-API-Key": ""} | JSON, b"{}"), NO_KEY),
    "a blank key": (("POST", "/bakeries/", {"X-API-Key": " \t "} | JSON, b"{}"), NO_KEY),
    "a basic login": (("POST", "/bakeries/", {"Authorization": "Basic dXNlcjpwYXNz"} | JSON, b"{}"), NO_KEY),
    "an empty bearer token": (("POST", "/bakeries/", {"Authorization": "Bearer "} | JSON, b"{}"), NO_KEY),
    "a key as a scheme": (("POST", "/bakeries/", {"Authorization": ADMIN_KEY} | JSON, b"{}"), NO_KEY),
    "a key in a cookie": (("POST", "/bakeries/", {"Cookie": f"X-API-Key={ADMIN_KEY}"} | JSON, b"{}"), NO_KEY),
    "a key under another name": (("POST", "/bakeries/", {"Api-Key": ADMIN_KEY} | JSON, b"{}"), NO_KEY),
    "a wrong key": (("POST", "/bakeries/", {"X-API-Key": "wrong"} | JSON, b"{}"), WRONG_KEY),
    "a key in capitals": (("POST", "/bakeries/", {"X-API-Key": ADMIN_KEY.upper()} | JSON, b"{}"), WRONG_KEY),
    "a key with a suffix": (("POST", "/bakeries/", {"X-API-Key": f"{ADMIN_KEY}2"} | JSON, b"{}"), WRONG_KEY),
    "two keys in one": (("POST", "/bakeries/", {"X-API-Key": f"{ADMIN_KEY},{ADMIN_KEY}"} | JSON, b"{}"), WRONG_KEY),
    "a key of 20 kB": (("POST", "/bakeries/", {"X-API-Key": "x" * 20_000} | JSON, b"{}"), WRONG_KEY),
    "the digest as a key": (
        ("POST", "/bakeries/", {"X-API-Key": key_digest(SALT, ADMIN_KEY)} | JSON, b"{}"),
        WRONG_KEY,
    ),
    "the salt and the key": (("POST", "/bakeries/", {"X-API-Key": SALT + ADMIN_KEY} | JSON, b"{}"), WRONG_KEY),
    "a key that is not ASCII": (("POST", "/bakeries/", {"X-API-Key": "cl\u00e9"} | JSON, b"{}"), WRONG_KEY),
    "a key of SQL": (("POST", "/bakeries/", {"X-API-Key": "' OR 1=1 --"} | JSON, b"{}"), WRONG_KEY),
    "a key that is a pattern": (("POST", "/bakeries/", {"X-API-Key": "%"} | JSON, b"{}"), WRONG_KEY),
    "a wrong bearer": (("POST", "/bakeries/", {"Authorization": "Bearer wrong"} | JSON, b"{}"), WRONG_KEY),
    "a wrong key and the right bearer": (
        ("POST", "/bakeries/", {"X-API-Key": "wrong", "Authorization": f"Bearer {ADMIN_KEY}"} | JSON, b"{}"),
        WRONG_KEY,
    ),
    "a key in the query": (("POST", f"/bakeries/?X-API-Key={ADMIN_KEY}", JSON, b"{}"), NO_KEY),
    "no key and malformed JSON": (("POST", "/bakeries/", JSON, b"{"), NO_KEY),
    "no key and a bad id": (("DELETE", "/bakeries/abc"), NO_KEY),
    "a wrong key and malformed JSON": (("POST", "/bakeries/", {"X-API-Key": "wrong"} | JSON, b"{"), WRONG_KEY),
    "a wrong key and a bad id": (("PATCH", "/bakeries/abc", {"X-API-Key": "wrong"} | JSON, b"{}"), WRONG_KEY),
    "creating a key without a key": (("POST", "/api-keys", JSON, b"{}"), NO_KEY),
    "a list as the body of a key": (
        ("POST", "/api-keys", SEND, b"[]"),
        invalid("body", {"": "The body must be a JSON object."}),
    ),
    "a key that the caller chose": (
        ("POST", "/api-keys", SEND, b'{"key":"mine","is_active":true}'),
        invalid("body", {"/is_active": unknown("is_active"), "/key": unknown("key")}),
    ),
    "is_admin of yes": (
        ("POST", "/api-keys", SEND, b'{"is_admin":"yes"}'),
        invalid("body", {"/is_admin": "is_admin: Not a valid boolean."}),
    ),
    "a method in the query": (("POST", "/bakeries/1?_method=DELETE", SEND, b"{}"), (405, "POST" + NOT_POSSIBLE)),
    "a method in a header": (
        ("POST", "/bakeries/1", SEND | {"X-HTTP-Method-Override": "DELETE"}, b"{}"),
        (405, "POST" + NOT_POSSIBLE),
    ),
    "the method PUT": (("PUT", "/bakeries/1", KEY), (405, "PUT" + NOT_POSSIBLE)),
    "the method TRACE": (("TRACE", "/bakeries/1", KEY), (405, "TRACE" + NOT_POSSIBLE)),
    "the method CONNECT": (("CONNECT", "/bakeries/1", KEY), (405, "CONNECT" + NOT_POSSIBLE)),
    "the method PROPFIND": (("PROPFIND", "/bakeries/1", KEY), (405, "PROPFIND" + NOT_POSSIBLE)),
    "the method FOO": (("FOO", "/bakeries/1", KEY), (405, "FOO" + NOT_POSSIBLE)),
    "a registration of the original": (
        ("POST", "/recipe_runs/register/1", SEND, b"{}"),
        (404, "There is nothing at /recipe_runs/register/1 (did you mean /recipe_runs/1?); /docs lists what there is."),
    ),
    "a hook of the original with a key": (
        ("POST", "/github/hooks/", SEND, b"{}"),
        (401, auth.NO_GITHUB_SIGNATURE),
    ),
    "a report with a signature that is not one": (
        ("POST", "/bakeries/1/reports", SEND | {"webhook-signature": "v1,AAAA"}, b"{}"),
        (401, auth.WRONG_SIGNATURE),
    ),
    "a condition that is not an ETag": (
        ("DELETE", "/bakeries/1", KEY | {"If-Match": "nonsense"}),
        (412, "bakery 1 does not match If-Match; get it again."),
    ),
    "a weak condition": (
        ("DELETE", "/bakeries/1", KEY | {"If-Match": 'W/"x"'}),
        (412, "bakery 1 does not match If-Match; get it again."),
    ),
    "an empty Idempotency-Key": (
        ("POST", "/bakeries/", SEND | {"Idempotency-Key": ""}, b"{}"),
        (400, "Idempotency-Key must be 1 to 255 visible ASCII characters; a UUID is a good one."),
    ),
    "an Idempotency-Key of 256 characters": (
        ("POST", "/bakeries/", SEND | {"Idempotency-Key": "x" * 256}, b"{}"),
        (400, "Idempotency-Key must be 1 to 255 visible ASCII characters; a UUID is a good one."),
    ),
    "an Idempotency-Key with a blank": (
        ("POST", "/bakeries/", SEND | {"Idempotency-Key": "a b"}, b"{}"),
        (400, "Idempotency-Key must be 1 to 255 visible ASCII characters; a UUID is a good one."),
    ),
    "deleting a bakery that has runs": (
        ("DELETE", "/bakeries/1", KEY),
        (409, "bakery 1 has 1 recipe run; delete those first."),
    ),
    "deleting a feedstock that has runs": (
        ("DELETE", "/feedstocks/1", KEY),
        (409, "feedstock 1 has 1 recipe run; delete those first."),
    ),
    "deleting a missing run": (("DELETE", "/recipe_runs/99", KEY), (404, "recipe run 99 not found")),
    "a body to DELETE": (
        ("DELETE", "/recipe_runs/abc", SEND, b"{"),
        invalid("path", {"/id": "id must be a whole number."}),
    ),
}
