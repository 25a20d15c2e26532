"""The scopes of keys: admin, write, and service accounts that write the runs of their bakeries."""

import pytest

from app.schemas.openlineage import EXAMPLE as LINEAGE
from app.web.auth import Caller
from tests.support.apps import client_with
from tests.support.factories import BODY, MAKE, make_bakery, make_run, run_body

ALONE = "scopes: Must be admin alone, write alone, or one or more bakeries."
FORM = "scopes: Must be admin, write or bakery:ID with the id of a bakery, such as bakery:1."


@pytest.fixture
def bakery(app):
    """The bakery that the service account is limited to."""
    return make_bakery(app)


@pytest.fixture
def account(app, admin, bakery):
    """A client with the key of a bakery's service account."""
    body = {"label": "ldeo", "scopes": [f"bakery:{bakery.id}"]}
    return client_with(app, admin.post("/api-keys", json=body).json["key"])


def refusal(bakery, other=None):
    beyond = f", not of bakery {other}" if other else ""
    return f"This key may only write runs of its bakeries (bakery:{bakery.id}){beyond}."


@pytest.mark.parametrize(
    ("body", "scopes"),
    [
        ({}, ["write"]),
        ({"is_admin": False}, ["write"]),
        ({"is_admin": True}, ["admin"]),
        ({"scopes": ["admin"]}, ["admin"]),
        ({"scopes": ["admin"], "is_admin": True}, ["admin"]),
        ({"scopes": ["write"], "is_admin": False}, ["write"]),
    ],
)
def test_scopes_and_is_admin_agree(admin, body, scopes):
    made = admin.post("/api-keys", json=body).json
    assert (made["scopes"], made["is_admin"]) == (scopes, scopes == ["admin"])


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"scopes": ["write"], "is_admin": True}, "scopes: Must not contradict is_admin."),
        ({"scopes": ["admin"], "is_admin": False}, "scopes: Must not contradict is_admin."),
        ({"scopes": ["admin", "write"]}, ALONE),
        ({"scopes": ["write", "bakery:1"]}, ALONE),
        ({"scopes": []}, "scopes: Length must be between 1 and 100."),
        ({"scopes": ["bakery:1"] * 101}, "scopes: Length must be between 1 and 100."),
        ({"scopes": "write"}, "scopes: Not a valid list."),
        ({"scopes": None}, "scopes: Field may not be null."),
        ({"scopes": ["bakery:999", "bakery:9999999999"]}, "scopes: bakery 999, 9999999999 not found"),
    ],
)
def test_invalid_combinations_of_scopes_are_422(admin, body, detail):
    response = admin.post("/api-keys", json=body)
    assert (response.status_code, response.json["detail"]) == (422, detail)


@pytest.mark.parametrize("scope", ["", "Admin", "bakery", "bakery:", "bakery:0", "bakery:01", "bakery:1\n", "read"])
def test_an_unknown_scope_is_422_with_the_known_ones(admin, scope):
    response = admin.post("/api-keys", json={"scopes": [scope]})
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/scopes/0")
    assert response.json["detail"].endswith(FORM.removeprefix("scopes: "))


def test_a_service_account_writes_the_runs_of_its_bakery(app, account, bakery):
    body = run_body(app, bakery_id=bakery.id)
    run = account.post("/recipe_runs/", json=body)
    bulk = account.post("/recipe_runs/bulk", json={"recipe_runs": [body, body]})
    path = f"/recipe_runs/{run.json['id']}"
    update = account.patch(path, json={"status": "in_progress", "bakery_id": bakery.id})
    assert [run.status_code, bulk.status_code, update.status_code] == [201, 201, 200]
    assert account.delete(path).status_code == 200


def test_a_service_account_creates_no_run_elsewhere(app, account, bakery):
    mine, other = (run_body(app, bakery_id=number) for number in (bakery.id, make_bakery(app).id))
    answers = [account.post("/recipe_runs/", json=other)]
    answers.append(account.post("/recipe_runs/bulk", json={"recipe_runs": [mine, other]}))
    detail = refusal(bakery, other["bakery_id"])
    assert [(answer.status_code, answer.json["detail"]) for answer in answers] == [(403, detail)] * 2
    assert account.get("/stats/recipe_runs").json == {"count": 0}


def test_a_service_account_does_not_change_the_runs_of_other_bakeries(app, account, bakery):
    run = make_run(app)
    answers = [account.patch(f"/recipe_runs/{run.id}", json=body) for body in ({}, {"bakery_id": bakery.id})]
    answers.append(account.delete(f"/recipe_runs/{run.id}"))
    assert [answer.json["detail"] for answer in answers] == [refusal(bakery, run.bakery_id)] * 3
    assert account.get(f"/recipe_runs/{run.id}").json["version"] == run.version


def test_a_service_account_does_not_move_a_run_to_another_bakery(app, account, bakery):
    run, other = make_run(app, bakery_id=bakery.id), make_bakery(app)
    response = account.patch(f"/recipe_runs/{run.id}", json={"bakery_id": other.id})
    assert (response.status_code, response.json["detail"]) == (403, refusal(bakery, other.id))


@pytest.mark.parametrize("noun", ["bakeries", "feedstocks"])
def test_a_service_account_writes_nothing_else(app, account, bakery, noun):
    path = f"/{noun}/{MAKE[noun](app).id}"
    answers = [account.post(f"/{noun}/", json=BODY[noun](app)), account.patch(path, json={}), account.delete(path)]
    assert [(answer.status_code, answer.json["detail"]) for answer in answers] == [(403, refusal(bakery))] * 3
    assert account.post("/api-keys", json={}).status_code == 403


def test_every_route_for_service_accounts_checks_the_bakery(app, account):
    published = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/a.zarr"}
    run = make_run(app, **published)
    one = run_body(app, bakery_id=run.bakery_id)
    description = {"variables": {}, "dimensions": {}, "attributes": {}, "engine": "zarr"}
    body = {"POST": one, "PATCH": {}, "DELETE": {}, "PUT": description}
    special = {"bulk": {"recipe_runs": [one]}, "reports": {"run_id": run.id}, "lineage": LINEAGE, "logs": "a line"}
    limited = (Caller.RUNNER, Caller.REPORTER)
    rules = [rule for rule in app.url_map.iter_rules() if app.view_functions[rule.endpoint].caller in limited]

    def send(rule, method):
        path = rule.rule.replace("<id:id>", str(run.bakery_id if "bakeries" in rule.rule else run.id))
        sent = special.get(rule.rule.strip("/").rpartition("/")[2], body[method])
        return account.open(path, method=method, **{"data" if isinstance(sent, str) else "json": sent})

    answers = [send(rule, method) for rule in rules for method in rule.methods - {"HEAD", "OPTIONS"}]
    assert [answer.status_code for answer in answers] == [403] * 9


def test_a_service_account_may_write_for_several_bakeries_one_of_which_is_deleted(app, admin, bakery):
    gone = make_bakery(app)
    made = admin.post("/api-keys", json={"scopes": [f"bakery:{gone.id}", f"bakery:{bakery.id}"]}).json
    assert made["scopes"] == [f"bakery:{bakery.id}", f"bakery:{gone.id}"]
    assert admin.delete(f"/bakeries/{gone.id}").status_code == 200
    account = client_with(app, made["key"])
    assert account.get("/api-keys/me").json["scopes"] == made["scopes"]
    assert account.post("/recipe_runs/", json=run_body(app, bakery_id=bakery.id)).status_code == 201
    assert account.post("/recipe_runs/", json=run_body(app, bakery_id=gone.id)).status_code == 422
