"""Filters select the same records on both databases."""

import json
from datetime import UTC, datetime

import pytest

from app import models
from app.database import pages
from app.extensions import Base
from app.models import Bakery
from tests.support.factories import make_bakery, make_feedstock, make_run
from tests.support.samples import SAMPLES
from tests.support.unknown import unknown

EARLY, LATE = datetime(2022, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
A_TIME_OR_DATE = "Must be an RFC 3339 timestamp or a date, such as 2022-03-03T02:29:54Z or 2022-03-03."
PUBLISHED = {
    "status": "completed",
    "conclusion": "success",
    "started_at": EARLY,
    "completed_at": LATE.replace(year=2023),
    "dataset_public_url": "https://data.org/a.zarr",
}
ONE_OF_STATUS = "status: Must be one of: queued, in_progress, completed."


def ids(client, path, **query):
    response = client.get(path, query_string=query)
    assert response.status_code == 200
    return [record["id"] for record in response.json]


def in_query(value):
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else value


@pytest.fixture
def parents(app):
    return {"bakery_id": make_bakery(app).id, "feedstock_id": make_feedstock(app).id}


@pytest.mark.parametrize("name", SAMPLES)
def test_runs_are_filtered_by_a_field_and_a_repeated_filter_means_or(app, client, parents, name):
    runs = {in_query(value): make_run(app, **parents | {name: value}).id for value in SAMPLES[name]}
    for value, run in runs.items():
        assert ids(client, "/recipe_runs/", **{name: value}) == [run]
    assert ids(client, "/recipe_runs/", **{name: [*runs][1:]}) == [*runs.values()][1:]


def test_statements_of_one_database_are_not_used_for_the_other(postgresql_app, sqlite_app):
    """Conditions have a collation on PostgreSQL, which SQLite does not know."""
    for app in (postgresql_app, sqlite_app):
        assert app.test_client().get("/dashboard/recipe_runs?head_sha=no&message=no").status_code == 200


@pytest.mark.parametrize("name", ["id", "bakery_id", "feedstock_id", "rerun_of"])
def test_runs_are_filtered_by_a_number(app, client, name):
    first = make_run(app).id
    runs = [make_run(app, rerun_of=number).id for number in (None, first)]
    wanted = client.get(f"/recipe_runs/{runs[1]}").json[name]
    assert ids(client, "/recipe_runs/", **{name: wanted}) == runs[1:]


@pytest.mark.parametrize(("name", "value"), [("region", "here"), ("name", "a"), ("description", "")])
def test_bakeries_are_filtered_by_a_field(app, client, name, value):
    make_bakery(app)
    bakery = make_bakery(app, **{name: value})
    assert ids(client, "/bakeries/", **{name: value}) == [bakery.id]


def test_feedstocks_are_filtered_by_a_field(app, client):
    first, second = make_feedstock(app), make_feedstock(app)
    assert ids(client, "/feedstocks/", spec=second.spec) == [second.id]
    assert ids(client, "/feedstocks/", provider="github") == [first.id, second.id]


def test_events_are_filtered_by_a_field(app, writer, parents):
    run = make_run(app, **parents).id
    for status, reason in (("in_progress", "It began."), ("in_progress", "It ended.")):
        writer.patch(f"/recipe_runs/{run}", json={"status": status, "version": reason, "reason": reason})
    events = writer.get(f"/recipe_runs/{run}/events").json
    assert len(events) == 2
    assert writer.get(f"/recipe_runs/{run}/events", query_string={"reason": "It ended."}).json == events[1:]
    assert writer.get(f"/recipe_runs/{run}/events", query_string={"actor": "nobody"}).json == []


def test_different_filters_mean_and(app, client, parents):
    make_run(app, **parents, status="completed", version="1")
    run = make_run(app, **parents, status="completed", version="2")
    make_run(app, **parents, status="queued", version="2")
    assert ids(client, "/recipe_runs/", status="completed", version="2") == [run.id]


@pytest.mark.parametrize("name", ["started", "completed"])
def test_after_is_inclusive_and_before_is_exclusive(app, client, parents, name):
    early, late = (make_run(app, **parents | {f"{name}_at": time}).id for time in (EARLY, LATE))
    make_run(app, **parents)
    first, second = (time.isoformat() for time in (EARLY, LATE))
    assert ids(client, "/recipe_runs/", **{f"{name}_before": second}) == [early]
    assert ids(client, "/recipe_runs/", **{f"{name}_after": first, f"{name}_before": second}) == [early]
    assert ids(client, "/recipe_runs/", **{f"{name}_after": second, f"{name}_before": "2022-01-02T00:00:00Z"}) == [late]


def test_has_dataset_separates_runs_with_and_without_a_url(app, client, parents):
    runs = [make_run(app, **parents, dataset_public_url=url).id for url in ("https://a.org", None)]
    assert ids(client, "/recipe_runs/", has_dataset="true") == runs[:1]
    assert ids(client, "/recipe_runs/", has_dataset="false") == runs[1:]


def test_has_conclusion_separates_runs_with_and_without_a_result(app, client, parents):
    runs = [make_run(app, **parents, conclusion=conclusion).id for conclusion in ("success", None)]
    assert ids(client, "/recipe_runs/", has_conclusion="true") == runs[:1]
    assert ids(client, "/recipe_runs/", has_conclusion="false") == runs[1:]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpcp", [0, 1]),
        ("CP-F", [0]),
        ("%", [2]),
        ("_", [3]),
        ("\\", [4]),
        ("É", [5]),
        ("'", []),
        ("%%", []),
        (" ", [6]),
    ],
)
def test_q_matches_a_part_of_recipe_id_in_any_case(app, client, parents, text, expected):
    names = ("gpcp-from-gcs", "GPCP", "100%", "a_b", "c\\d", "été", "x y")
    runs = [make_run(app, **parents, recipe_id=name).id for name in names]
    assert ids(client, "/recipe_runs/", q=text) == [runs[index] for index in expected]


@pytest.mark.parametrize("name", SAMPLES)
def test_values_separated_by_commas_match_like_a_repeated_filter(app, client, parents, name):
    runs = {in_query(value): make_run(app, **parents | {name: value}).id for value in SAMPLES[name]}
    assert ids(client, "/recipe_runs/", **{name: ",".join(map(str, runs))}) == [*runs.values()]


@pytest.mark.parametrize("version", [",", "\\", "1,0", "a\\,b", "\\\\,", ",,"])
def test_a_comma_or_a_backslash_in_a_value_is_written_with_a_backslash(app, client, parents, version):
    runs = [make_run(app, **parents, version=value).id for value in ("1", version, "2")]
    escaped = version.replace("\\", "\\\\").replace(",", "\\,")
    assert ids(client, "/recipe_runs/", version=escaped) == runs[1:2]
    assert ids(client, "/recipe_runs/", version=f"1,{escaped}") == runs[:2]


@pytest.mark.parametrize("query", ["fields=id,version", "fields=id&fields=version", "fields=version,id&fields=id"])
def test_fields_are_separated_by_commas_or_repeated(app, client, query):
    make_run(app)
    assert list(client.get(f"/recipe_runs/?{query}").json[0]) == ["version", "id"]


LISTS_OF_KINDS = (
    "/recipe_runs/",
    "/bakeries/{bakery_id}/recipe_runs",
    "/feedstocks/{feedstock_id}/recipe_runs",
    "/datasets/",
    "/feedstocks/{feedstock_id}/datasets",
)


@pytest.mark.parametrize("path", LISTS_OF_KINDS)
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("type=all", [0, 1]),
        ("type=production", [0]),
        ("type=test", [1]),
        ("type=production,test", [0, 1]),
        ("is_test=false", [0]),
        ("is_test=true", [1]),
        ("is_test=true,false", [0, 1]),
        ("type=all&is_test=true", [1]),
        ("type=production&is_test=true", []),
    ],
)
def test_type_and_is_test_filter_every_list_of_runs_and_datasets(app, client, parents, path, query, found):
    runs = [make_run(app, **parents, **PUBLISHED, is_test=is_test).id for is_test in (False, True)]
    listed = client.get(f"{path.format(**parents)}?{query}").json
    assert sorted(record["id"] for record in listed) == [runs[index] for index in found]


def test_a_list_without_type_has_all_runs_but_the_datasets_of_production_runs(app, client, parents):
    runs = [make_run(app, **parents, **PUBLISHED, is_test=is_test).id for is_test in (False, True)]
    assert ids(client, "/recipe_runs/") == ids(client, f"/feedstocks/{parents['feedstock_id']}/datasets") == runs
    assert ids(client, "/datasets/") == runs[:1]


@pytest.mark.parametrize("path", LISTS_OF_KINDS)
def test_since_is_inclusive_and_until_exclusive_and_both_accept_a_date(app, client, parents, path):
    times = [datetime(2022, 3, day, tzinfo=UTC) for day in (7, 8, 9)]
    path = path.format(**parents)
    runs = [make_run(app, **parents, **PUBLISHED | {"started_at": time}, recipe_id=str(time)).id for time in times]
    assert sorted(ids(client, path, since="2022-03-08")) == runs[1:]
    assert sorted(ids(client, path, until="2022-03-08")) == runs[:1]
    assert sorted(ids(client, path, since="2022-03-08", until="2022-03-08T00:00:00.000001Z")) == runs[1:2]


@pytest.mark.parametrize("path", ["/recipe_runs/{}/events", "/audit", "/api-keys"])
def test_since_and_until_filter_every_list_of_entries_with_a_time(app, admin, parents, path):
    path = path.format(make_run(app, **parents).id)
    admin.patch("/recipe_runs/" + path.split("/")[2], json={"version": "2"}) if "events" in path else None
    admin.post("/api-keys", json={})
    for query in ("since=2022-01-01", "until=2100-01-01"):
        assert len(admin.get(f"{path}?{query}").json) == len(admin.get(path).json) > 0
    for query in ("since=2100-01-01", "until=2022-01-01"):
        assert admin.get(f"{path}?{query}").json == []


def test_every_model_that_declares_since_has_lists_with_it_and_no_other_list_has(app):
    document = json.loads(app.extensions["openapi_json"])
    names = {
        path: {parameter["name"] for parameter in item["get"]["parameters"]}
        for path, item in document["paths"].items()
        if "get" in item
    }
    without = {path for path, found in names.items() if "limit" in found and "since" not in found}
    # Their records have no time, or are read by number.
    assert without == {"/bakeries/", "/feedstocks/", "/stac/collections", "/recipe_runs/{id}/logs"}


def test_q_in_an_empty_catalogue_finds_nothing(client):
    assert ids(client, "/recipe_runs/", q="gpcp") == []


@pytest.mark.parametrize(
    ("name", "value", "detail"),
    [
        ("status", "nope", ONE_OF_STATUS),
        ("status", ["queued", "nope", "neither"], ONE_OF_STATUS),
        ("status", "queued,nope", ONE_OF_STATUS),
        ("status", "queued,", ONE_OF_STATUS),
        ("recipe_id", "a,", "recipe_id: Length must be between 1 and 255."),
        ("recipe_id", "a\\b", "recipe_id: A backslash must be followed by a comma or a backslash."),
        ("message", "a\\", "message: A backslash must be followed by a comma or a backslash."),
        ("type", "tests", "type: Must be one of: all, production, test."),
        ("started_at", "2022-01-01", "started_at: Must be an RFC 3339 timestamp, such as 2022-03-03T02:29:54Z."),
        ("since", "2022-02-30", f"since: {A_TIME_OR_DATE}"),
        ("is_test", "yes", "is_test: Not a valid boolean."),
        ("bakery_id", "1.0", "bakery_id: Not a valid integer."),
        ("id", "0", "id: Must be greater than or equal to 1 and less than or equal to 2147483647."),
        ("recipe_id", "", "recipe_id: Length must be between 1 and 255."),
        ("message", "a\0", "message: Must not contain the character U+0000."),
        ("started_after", "2022", f"started_after: {A_TIME_OR_DATE}"),
        ("has_dataset", "", "has_dataset: Not a valid boolean."),
        ("q", "\0", "q: Must not contain the character U+0000."),
        ("bakery", "1", unknown("bakery", "bakery_id", of="parameters")),
        ("metadata", "1", unknown("metadata", of="parameters")),
        ("q", ["a", "b"], "q is given more than once."),
        ("started_after", ["2022-01-01T00:00:00Z"] * 2, "started_after is given more than once."),
    ],
)
def test_an_unknown_filter_or_an_invalid_value_is_422(client, name, value, detail):
    response = client.get("/recipe_runs/", query_string={name: value})
    assert response.status_code == 422
    assert response.json["errors"] == [{"in": "query", "pointer": f"/{name}", "detail": detail}]


@pytest.mark.parametrize("path", ["/bakeries/", "/feedstocks/"])
@pytest.mark.parametrize("name", ["q", "has_dataset", "started_after", "recipe_runs"])
def test_filters_of_runs_are_unknown_to_other_lists(client, path, name):
    assert client.get(path, query_string={name: "true"}).status_code == 422


ALL_ROWS = {"columns": ("id",), "limit": 100, "order_by": "id", "sort": "asc"}
MODELS = {mapper.class_ for mapper in Base.registry.mappers if mapper.class_.filters} - {models.DatasetCheck}
# tests/services/test_dataset_search.py has those of searches, which need several parameters and other rows.
OF_SEARCHES = {(models.Dataset, name) for name in ("q", "variable", "keyword", "format", "bbox", "datetime")}
DECLARED = sorted(
    (model.__name__, name) for model in MODELS for name in model.filters if (model, name) not in OF_SEARCHES
)


@pytest.mark.parametrize(("model", "name"), DECLARED)
def test_no_declared_filter_repeats_a_row(app, writer, parents, model, name):
    for number in range(3):
        run = make_run(app, **parents, **PUBLISHED, recipe_id=str(number)).id
        writer.patch(f"/recipe_runs/{run}", json={"version": "2"})
    specs = [[feedstock["spec"]] for feedstock in writer.get("/feedstocks/").json]
    values = {"has_dataset": [False, True], "q": [""], "spec": specs, "feedstock": specs, "include_retired": [True]}
    with app.app_context():
        listed = [
            pages.read_page(getattr(models, model), **ALL_ROWS, **{name: value}).rows
            for value in values.get(name, [LATE.replace(year=2000), LATE.replace(year=2100)])
        ]
    assert any(listed)
    assert all(len(rows) == len({row[0] for row in rows}) for rows in listed)


@pytest.mark.parametrize("name", ["since", "q", "has_dataset", "nothing"])
def test_a_filter_that_the_model_does_not_declare_is_an_error(app, name):
    with app.app_context(), pytest.raises(KeyError):
        pages.read_page(Bakery, **ALL_ROWS, **{name: LATE})
