"""`limit`, `offset`, `order_by` and `sort` give the same pages on both databases. Each row appears exactly once."""

import pytest
from sqlalchemy import null

from tests.support import samples
from tests.support.factories import MAKE, RUN_COLUMNS, make_bakery, make_feedstock, make_run

COLUMNS = {
    "bakeries": ["id", "region", "name", "description", "retired_at"],
    "feedstocks": ["id", "spec", "provider", "retired_at"],
    "recipe_runs": ["id", *(name for name in RUN_COLUMNS if name != "id")],
}
NOT_AN_INTEGER = "Not a valid integer."
NOT_A_LIMIT = "Must be greater than or equal to 0 and less than or equal to 1000."
NOT_AN_OFFSET = "Must be greater than or equal to 0 and less than or equal to 9223372036854775807."
NOT_INTEGERS = [
    "abc",
    "",
    "1.5",
    "1.0",
    "true",
    "1e1",
    "0x10",
    "null",
    "NaN",
    "Infinity",
    "1_0",
    "%202",
    "2%20",
    "%2B2",
    "007",
    "%D9%A1",
    "%EF%BC%91",
    "1%00",
    "1%0A",
    "1;offset=2",
    "9" * 5000,
    "-" + "9" * 5000,
]
# The order is by code point. A dictionary has another order.
TEXTS = ["", " ", "A", "Z", "_", "a", "a b", "a-b", "aB", "ab", "z", "\u00e9", "\u2602", "\uffff", "\U0001f600"]


def ids(response):
    assert response.status_code == 200
    return [record["id"] for record in response.json]


@pytest.mark.parametrize("resource", MAKE)
def test_a_page_has_100_records_by_default(app, client, resource):
    parents = {"bakery_id": make_bakery(app).id, "feedstock_id": make_feedstock(app).id}
    columns = parents if resource == "recipe_runs" else {}
    for _ in range(101):
        MAKE[resource](app, **columns)
    assert len(client.get(f"/{resource}/").json) == 100
    assert len(client.get(f"/{resource}/?limit=101").json) == 101


@pytest.mark.parametrize("resource", MAKE)
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [0, 1, 2]),
        ("limit=0", []),
        ("limit=-0", []),
        ("limit=1", [0]),
        ("limit=2&offset=1", [1, 2]),
        ("limit=1000", [0, 1, 2]),
        ("offset=0", [0, 1, 2]),
        ("offset=2", [2]),
        ("offset=3", []),
        ("offset=9223372036854775807", []),
        ("limit=1000&offset=9223372036854775807", []),
        ("sort=asc", [0, 1, 2]),
        ("sort=desc", [2, 1, 0]),
        ("order_by=id&sort=desc&limit=1", [2]),
    ],
)
def test_limit_and_offset_select_a_part_of_the_list(app, client, resource, query, expected):
    records = [MAKE[resource](app) for _ in range(3)]
    assert ids(client.get(f"/{resource}/?{query}")) == [records[index].id for index in expected]


@pytest.mark.parametrize("resource", MAKE)
@pytest.mark.parametrize(
    ("name", "value", "detail"),
    [
        ("limit", "-1", NOT_A_LIMIT),
        ("limit", "1001", NOT_A_LIMIT),
        ("limit", "9223372036854775808", NOT_A_LIMIT),
        ("offset", "-1", NOT_AN_OFFSET),
        ("offset", "9223372036854775808", NOT_AN_OFFSET),
        ("sort", "up", "Must be one of: asc, desc."),
        ("sort", "DESC", "Must be one of: asc, desc."),
        ("sort", "", "Must be one of: asc, desc."),
    ],
)
def test_a_limit_or_an_offset_out_of_range_is_422(client, resource, name, value, detail):
    response = client.get(f"/{resource}/?{name}={value}")
    assert response.status_code == 422
    assert response.json["errors"] == [{"in": "query", "pointer": f"/{name}", "detail": f"{name}: {detail}"}]


@pytest.mark.parametrize("value", NOT_INTEGERS, ids=lambda value: value[:12])
def test_limit_and_offset_accept_plain_digits_only(client, value):
    response = client.get(f"/bakeries/?offset={value}&limit={value}")
    assert response.status_code == 422
    assert response.json["errors"] == [
        {"in": "query", "pointer": f"/{name}", "detail": f"{name}: {NOT_AN_INTEGER}"} for name in ("limit", "offset")
    ]


@pytest.mark.parametrize("resource", MAKE)
@pytest.mark.parametrize(
    "name",
    ["", "nope", "ID", "bakery", "feedstock", "recipe_runs", "metadata", "__class__", "id,id", "id%20desc", "id%00"],
)
def test_order_by_accepts_columns_only(client, resource, name):
    response = client.get(f"/{resource}/?order_by={name}")
    assert response.status_code == 422
    columns = ", ".join(COLUMNS[resource])
    detail = f"order_by: Must be one of: {columns}."
    assert response.json["errors"] == [{"in": "query", "pointer": "/order_by", "detail": detail}]


@pytest.mark.parametrize("resource", MAKE)
def test_order_by_accepts_every_field(app, client, resource):
    first, last = MAKE[resource](app), MAKE[resource](app)
    unordered = {"log_url", "external_id", "external_url", "failure", "time_problem"}
    assert {*client.get(f"/{resource}/").json[0]} - unordered == {*COLUMNS[resource]}
    for name in COLUMNS[resource]:
        assert ids(client.get(f"/{resource}/?order_by={name}")) == [first.id, last.id]
        assert ids(client.get(f"/{resource}/?order_by={name}&sort=desc")) == [last.id, first.id]


@pytest.mark.parametrize("name", samples.TEXTS)
def test_text_is_ordered_by_code_point(app, client, name):
    parents = {"bakery_id": make_bakery(app).id, "feedstock_id": make_feedstock(app).id}
    for text in reversed(TEXTS):
        make_run(app, **parents | {name: text})
    runs = client.get(f"/recipe_runs/?order_by={name}").json
    assert [run[name] for run in runs] == TEXTS == sorted(TEXTS)
    assert client.get(f"/recipe_runs/?order_by={name}&sort=desc").json == runs[::-1]


@pytest.mark.parametrize("name", samples.NULLABLE)
def test_null_is_last_ascending_and_first_descending(app, client, name):
    runs = [make_run(app, **{name: value}).id for value in (null(), samples.SAMPLES[name][0], null())]
    assert ids(client.get(f"/recipe_runs/?order_by={name}")) == [runs[1], runs[0], runs[2]]
    assert ids(client.get(f"/recipe_runs/?order_by={name}&sort=desc")) == [runs[2], runs[0], runs[1]]


def test_false_is_before_true(app, client):
    runs = [make_run(app, is_test=is_test).id for is_test in (True, False)]
    assert ids(client.get("/recipe_runs/?order_by=is_test")) == runs[::-1]


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("order_by", ["id", "version", "conclusion", "is_test", "started_at"])
@pytest.mark.parametrize("limit", [1, 4])
def test_the_pages_of_equal_rows_have_every_row_once(app, admin, order_by, sort, limit):
    parents = {"bakery_id": make_bakery(app).id, "feedstock_id": make_feedstock(app).id}
    runs = [make_run(app, **parents, conclusion=("success" if number % 3 else None)) for number in range(6)]
    met = []
    for offset in range(0, 8, limit):
        page = ids(admin.get(f"/recipe_runs/?order_by={order_by}&sort={sort}&limit={limit}&offset={offset}"))
        met += page
        # An update moves the row in the table, but must not move it in the list.
        admin.patch(f"/recipe_runs/{runs[0].id}", json={"message": f"page at {offset}"})
    assert sorted(met) == [run.id for run in runs]


def test_equal_rows_are_ordered_by_id_in_the_direction_of_the_list(app, client):
    bakeries = [make_bakery(app, region=region).id for region in ("b", "a", "b", "a")]
    first, second, third, fourth = bakeries
    assert ids(client.get("/bakeries/?order_by=region")) == [second, fourth, first, third]
    assert ids(client.get("/bakeries/?order_by=region&sort=desc")) == [third, first, fourth, second]
