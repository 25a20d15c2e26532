"""Timestamps of requests are RFC 3339, and those of answers are UTC with a `Z`. Both databases keep the instant."""

from datetime import datetime, timedelta, timezone

import pytest

from tests.support.databases import on_sqlite
from tests.support.factories import make_run, run_body

TAKEN = {
    "2021-01-01T00:00:00Z": "2021-01-01T00:00:00Z",
    "2021-01-01T00:00:00": "2021-01-01T00:00:00Z",
    "2021-01-01 00:00:00": "2021-01-01T00:00:00Z",
    "2021-01-01t00:00:00z": "2021-01-01T00:00:00Z",
    "2021-01-01T00:00:00.000Z": "2021-01-01T00:00:00Z",
    "2021-01-01T00:00:00+00:00": "2021-01-01T00:00:00Z",
    "2021-01-01T00:00:00-00:00": "2021-01-01T00:00:00Z",
    "2021-01-01T00:00:00+02:00": "2020-12-31T22:00:00Z",
    "2021-01-01T00:00:00-05:00": "2021-01-01T05:00:00Z",
    "2021-01-01T00:00:00+05:30": "2020-12-31T18:30:00Z",
    "2021-01-01T00:00:00+15:59": "2020-12-31T08:01:00Z",
    "2021-01-01T00:00:00-16:00": "2021-01-01T16:00:00Z",
    "2021-01-01T00:00:00+23:59": "2020-12-31T00:01:00Z",
    "2021-01-01T00:00:00-23:59": "2021-01-01T23:59:00Z",
    "2021-01-01T00:00:00.5Z": "2021-01-01T00:00:00.500000Z",
    "2021-01-01T00:00:00.055180+01:00": "2020-12-31T23:00:00.055180Z",
    "2021-01-01T00:00:00.000001Z": "2021-01-01T00:00:00.000001Z",
    "2021-01-01T00:00:00.123456789Z": "2021-01-01T00:00:00.123456Z",
    "2021-01-01T23:59:59.9999999Z": "2021-01-01T23:59:59.999999Z",
    "2020-02-29T00:00:00Z": "2020-02-29T00:00:00Z",
    "2000-01-01T00:00:00Z": "2000-01-01T00:00:00Z",
    "2000-01-01T00:00:00-01:00": "2000-01-01T01:00:00Z",
}
REFUSED = [
    "",
    " ",
    "now",
    "infinity",
    "1609459200",
    "2021",
    "2021-01-01",
    "2021-01-01T00",
    "2021-01-01T00:00",
    "2021-1-1T0:0:0",
    "20210101T000000Z",
    "2021-W01-1T00:00:00Z",
    "2021-001T00:00:00Z",
    "2021-01-01T00:00:00,5Z",
    "2021-01-01T00:00:00.Z",
    "2021-01-01T00:00:00+02",
    "2021-01-01T00:00:00+0200",
    "2021-01-01T00:00:00+24:00",
    "2021-01-01T00:00:00+02:60",
    "2021-01-01T00:00:00 +02:00",
    "2021-01-01T00:00:00 Z",
    "2021-01-01T00:00:00UTC",
    "2021-01-01T24:00:00Z",
    "2021-01-01T00:60:00Z",
    "2016-12-31T23:59:60Z",
    "2021-02-29T00:00:00Z",
    "2021-13-01T00:00:00Z",
    "2021-00-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "-001-01-01T00:00:00Z",
    " 2021-01-01T00:00:00Z",
    "2021-01-01T00:00:00Z ",
    "2021-01-01T00:00:00Z\n",
    "2021-01-01T00:00:00Z\0",
    "2021-01-01\u00a000:00:00Z",
    "\u0662\u0660\u0662\u0661-01-01T00:00:00Z",
    "Jan 01 2021 00:00:00",
    0,
    -1,
    1609459200,
    1609459200.5,
    True,
    [],
    {},
    ["2021-01-01T00:00:00Z"],
]
OUT_OF_RANGE = ["9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59.999999-00:01", "0001-01-01T00:00:00+01:00"]


@pytest.mark.parametrize(("given", "answered"), TAKEN.items())
def test_a_timestamp_is_converted_to_utc(app, admin, given, answered):
    body = run_body(app, started_at=given, completed_at=given, conclusion="success")
    run = admin.post("/recipe_runs/", json=body).json
    assert (run["started_at"], run["completed_at"]) == (answered, answered)
    assert admin.get("/recipe_runs/").json == [run]
    again = admin.patch(f"/recipe_runs/{run['id']}", json={"started_at": given, "completed_at": given})
    assert again.json == run


@on_sqlite
@pytest.mark.parametrize(
    ("value", "detail"),
    [
        *((value, "Must be an RFC 3339 timestamp, such as 2022-03-03T02:29:54Z.") for value in REFUSED),
        *((value, "Must be between the years 1 and 9999 in UTC.") for value in OUT_OF_RANGE),
    ],
)
def test_an_invalid_timestamp_is_422_and_not_stored(app, admin, value, detail):
    errors = [
        {"in": "body", "pointer": f"/{name}", "detail": f"{name}: {detail}"} for name in ("started_at", "completed_at")
    ]
    created = admin.post("/recipe_runs/", json=run_body(app, started_at=value, completed_at=value))
    assert (created.status_code, created.json["errors"]) == (422, errors)
    assert admin.get("/stats/recipe_runs").json == {"count": 0}


@pytest.mark.parametrize("value", OUT_OF_RANGE)
def test_an_update_out_of_range_leaves_a_run_that_can_be_read(app, admin, value):
    run = make_run(app)
    (before,) = admin.get("/recipe_runs/").json
    assert admin.patch(f"/recipe_runs/{run.id}", json={"started_at": value}).status_code == 422
    assert admin.get("/recipe_runs/").json == [before]


def test_a_time_in_another_zone_is_stored_in_utc(app, client):
    noon = datetime(2021, 1, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    run = make_run(app, started_at=noon)
    assert client.get(f"/recipe_runs/{run.id}").json["started_at"] == "2021-01-01T06:30:00Z"


def test_runs_are_ordered_by_the_instant_and_not_by_its_text(app, admin):
    late, early, middle = "2021-01-01T00:00:00-01:00", "2021-01-01T01:00:00.5+02:00", "2021-01-01T00:00:00.000001Z"
    for started_at in (late, early, middle):
        admin.post("/recipe_runs/", json=run_body(app, started_at=started_at))
    runs = admin.get("/recipe_runs/?order_by=started_at").json
    times = [datetime.fromisoformat(run["started_at"]) for run in runs]
    assert times == [datetime.fromisoformat(time) for time in (early, middle.replace("Z", "+00:00"), late)]


@pytest.mark.parametrize("path", ["/recipe_runs/?started_after", "/recipe_runs/?started_at", "/stats/overview?since"])
@pytest.mark.parametrize("given", ["2026-01-01T00:00:00+02:00", "2026-01-01+00:00:00.5+02:00"])
def test_a_plus_that_was_lost_to_decoding_is_named(client, path, given):
    detail = client.get(f"{path}={given}").json["detail"]
    assert detail.endswith("The offset has a blank instead of its sign: in a query, write + as %2B.")
    assert client.get(f"{path}={given[:-6]}%2B02:00").status_code == 200
