"""A cursor is valid in one list and order only. The links reach each row that is not changed exactly once."""

import hmac
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer
from itsdangerous.encoding import base64_encode
from sqlalchemy import delete, insert, select, update

from app.extensions import db
from app.models import RecipeRun
from tests.support.apps import SALT
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock, make_run
from tests.support.links import follow, links
from tests.support.samples import NULLABLE, SAMPLES

# There are few values, so that many rows share one. Nullable fields can also be null.
VALUES = {"id": (None,), "bakery_id": (0, 1), "feedstock_id": (0, 1), "rerun_of": (None,)}
VALUES |= {name: (*values, None) if name in NULLABLE else values for name, values in SAMPLES.items()}
# A concurrent change between two pages: an action, the position of the row, and the number of the new value.
CHANGE = st.tuples(st.sampled_from(["insert", "update", "delete"]), st.integers(0, 9), st.integers(0, 3))
REFUSED = (
    "cursor: Take it from a link of this list in this order (order_by and sort), as it is. If it is from an earlier "
    "release of the service, start again at the first page."
)


@pytest.fixture
def row(app):
    """A function that returns the columns of a run. The column `name` has the value with that number."""
    parents = {"bakery_id": [make_bakery(app).id for _ in "12"], "feedstock_id": [make_feedstock(app).id for _ in "12"]}
    fixed = {"recipe_id": "r", "head_sha": "", "version": "", "started_at": STARTED_AT, "created_at": STARTED_AT}

    def columns(name, number):
        value = VALUES[name][number % len(VALUES[name])]
        own = {name: parents[name][value] if name in parents else value}
        return fixed | {parent: ids[0] for parent, ids in parents.items()} | (own if name != "id" else {})

    return columns


def perform(row, name, change):
    """Execute a change and return the ids of the rows that it touched."""
    action, place, number = change
    ids = list(db.session.scalars(select(RecipeRun.id).order_by(RecipeRun.id)))
    if action == "insert" or not ids:
        db.session.execute(insert(RecipeRun).values(row(name, number)))
        return set()
    target = RecipeRun.id == ids[place % len(ids)]
    statement = delete(RecipeRun) if action == "delete" else update(RecipeRun).values(row(name, number))
    db.session.execute(statement.where(target))
    return {ids[place % len(ids)]}


@pytest.mark.parametrize("name", VALUES)
@given(
    rows=st.lists(st.integers(0, 3), min_size=1, max_size=8),
    changes=st.lists(st.lists(CHANGE, max_size=3), max_size=4),
    limit=st.integers(1, 4),
    sort=st.sampled_from(["asc", "desc"]),
    relation=st.sampled_from(["next", "prev"]),
)
@settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_links_reach_every_untouched_row_once(app, client, row, name, rows, changes, limit, sort, relation):
    with app.app_context():
        db.session.execute(delete(RecipeRun))
        db.session.execute(insert(RecipeRun), [row(name, number) for number in rows])
        db.session.commit()
    order = f"/recipe_runs/?order_by={name}&sort={sort}"
    untouched = [run["id"] for run in client.get(order).json]
    pages = []
    start = f"{order}&limit={limit}" + ("&offset=99" if relation == "prev" else "")
    for response in follow(client, start, relation):
        pages.append(response.json)
        for change in changes.pop() if changes else ():
            with app.app_context():
                touched = perform(row, name, change)
                db.session.commit()
            untouched = [number for number in untouched if number not in touched]
    met = [run["id"] for page in (pages if relation == "next" else pages[::-1]) for run in page]
    assert [number for number in met if number in untouched] == untouched


@pytest.mark.parametrize(("start", "relation"), [("limit=2", "next"), ("limit=2&offset=3", "prev")])
def test_the_links_of_a_list_of_given_ids_reach_all_of_them(app, client, start, relation):
    ids = [make_bakery(app).id for _ in range(4)]
    first = "/bakeries/?" + "&".join(f"id={number}" for number in ids[1:])
    pages = [page.json for page in follow(client, f"{first}&{start}", relation)]
    assert sorted(bakery["id"] for page in pages for bakery in page) == ids[1:]
    [one] = client.get(links(client.get(f"/bakeries/?id={ids[2]}&limit=1&offset=1"))["prev"]).json
    assert one["id"] == ids[2]


@pytest.fixture
def cursor(app, client):
    """A cursor of the list of bakeries, ordered by name."""
    for _ in range(2):
        make_bakery(app)
    return links(client.get("/bakeries/?order_by=name&limit=1"))["next"].partition("cursor=")[2]


def refusal(response):
    assert response.status_code == 422
    [error] = response.json["errors"]
    assert error["pointer"] == "/cursor"
    return error["detail"]


def test_a_cursor_works_with_another_limit_and_other_fields(client, cursor):
    assert len(client.get(f"/bakeries/?order_by=name&limit=7&fields=id&region=us-central1&cursor={cursor}").json) == 1


@pytest.mark.parametrize(
    "path",
    ["/bakeries/", "/bakeries/?order_by=region", "/bakeries/?order_by=name&sort=desc", "/feedstocks/", "/recipe_runs/"],
)
def test_a_cursor_of_another_list_or_order_is_422(client, cursor, path):
    assert refusal(client.get(path + ("&" if "?" in path else "?") + f"cursor={cursor}")) == REFUSED


def test_a_forged_cursor_is_422(client, cursor):
    payload, _, signature = cursor.rpartition(".")
    for forged in (
        payload,
        f"{payload}.",
        f".{signature}",
        f"{payload[::-1]}.{signature}",
        f"{payload}.{signature[::-1]}",
    ):
        assert refusal(client.get(f"/bakeries/?order_by=name&cursor={forged}")) == REFUSED


def test_a_cursor_of_an_earlier_release_is_422_and_says_what_to_do(client, cursor):
    before = URLSafeSerializer(SALT, "bakeries.list_bakeries name asc")
    payload = cursor.rpartition(".")[0]
    place, _, old_signature = before.dumps(before.load_payload(payload.encode())).rpartition(".")
    assert (place, len(old_signature)) == (payload, 27)
    assert refusal(client.get(f"/bakeries/?order_by=name&cursor={payload}.{old_signature}")) == REFUSED


def test_the_key_of_cursors_is_derived_from_the_salt_for_this_purpose(cursor):
    payload, _, signature = unquote(cursor).rpartition(".")
    key = hmac.digest(SALT.encode(), b"cursor bakeries.list_bakeries name asc", "sha256")
    assert signature == base64_encode(hmac.digest(key, payload.encode(), "sha256")).decode()


def test_a_cursor_of_a_service_with_another_salt_is_422(app, client, cursor):
    app.config["ENCRYPTION_SALT"], salt = "another", app.config["ENCRYPTION_SALT"]
    try:
        assert refusal(client.get(f"/bakeries/?order_by=name&cursor={cursor}")) == REFUSED
    finally:
        app.config["ENCRYPTION_SALT"] = salt


@pytest.mark.parametrize(
    "garbage",
    ["", "a", ".", "..a.a", "%00", "%ED%A0%80", "%FF", "%F0%9F%98%80", "é", "a" * 4000, "a" * 100_000, "null"],
)
def test_garbage_is_422(client, garbage):
    assert refusal(client.get(f"/bakeries/?cursor={garbage}"))


def test_a_cursor_with_an_offset_is_422(client, cursor):
    response = client.get(f"/bakeries/?order_by=name&offset=1&cursor={cursor}")
    assert refusal(response) == "cursor: Give a cursor or an offset, not both."
    assert client.get(f"/bakeries/?order_by=name&offset=0&cursor={cursor}").status_code == 200


def test_a_cursor_fits_into_a_request_line_for_any_text(app, client):
    text = "".join(chr(0x1F300 + number * 7 % 500) for number in range(2048))
    for _ in range(2):
        make_run(app, dataset_public_url=text)
    reference = links(client.get("/recipe_runs/?order_by=dataset_public_url&limit=1"))["next"]
    assert len(reference) < 3000
    assert len(client.get(reference).json) == 1
