"""Lists of datasets with filters by other tables: the database begins with the list or with the other table."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from app.extensions import db
from app.models import DatasetHealth
from app.services import dataset_filters
from tests.support.factories import make_bakery, make_description, make_feedstock, make_metadata, make_run
from tests.support.links import follow
from tests.support.sent import statements

PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/a.zarr"}
YEAR_2000 = datetime(2000, 1, 1, tzinfo=UTC)
FILTERS = (
    "bbox=0,0,10,10",
    "datetime=2000-01-01",
    "healthy=true",
    "healthy=true,false",
    "variable=sst",
    "keyword=ocean",
    "format=netcdf",
    "format=netcdf,zarr",
)
COMBINED = (
    "bbox=0,0,10,10&healthy=false",
    "datetime=2000-01-01&variable=sst",
    "healthy=true&q=recipe",
    "format=zarr&healthy=true",
)
ORDERS = ("", "order_by=last_build&sort=asc", "order_by=feedstock", "order_by=healthy&sort=desc")


@pytest.fixture(scope="module")
def client(module_app):
    """A client of a service with twelve datasets, of which each filter matches some."""
    app = module_app
    parents = {"feedstock_id": make_feedstock(app).id, "bakery_id": make_bakery(app).id}
    make_metadata(app, feedstock_id=parents["feedstock_id"], keywords=["ocean"])
    for number in range(12):
        id = make_run(app, recipe_id=f"recipe-{number}", **parents, **PUBLISHED).id
        start = YEAR_2000 + timedelta(days=number % 3)
        box = {"west": 15 * (number % 2), "east": 20, "south": 5, "north": 20}
        variables = {"sst" if number % 4 else "tas": {"dimensions": [], "shape": []}}
        engine = "zarr" if number % 3 else "h5netcdf"
        make_description(app, id=id, time_start=start, time_end=start, variables=variables, engine=engine, **box)
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(insert(DatasetHealth).values(dataset_id=id, healthy=number % 4 > 0))
    return app.test_client()


def read(client, query):
    return [dataset["id"] for page in follow(client, f"/datasets/?{query}&limit=2") for dataset in page.json]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("query", [*FILTERS, *COMBINED])
def test_a_list_is_the_same_wherever_the_database_begins(client, monkeypatch, query, order):
    found = []
    for enough in (0, 1000):
        monkeypatch.setattr(dataset_filters, "ENOUGH", enough)
        found.append(read(client, f"{query}&{order}"))
    assert found[0] == found[1]
    assert 1 < len(found[0]) <= 12


@pytest.mark.parametrize(
    ("query", "table"),
    [
        ("bbox=0,0,1,1", "description"),
        ("datetime=2000-01-01", "description"),
        ("healthy=true", "health"),
        ("format=netcdf", "description"),
    ],
)
def test_the_database_begins_with_the_other_table_if_few_of_the_first_datasets_match(client, monkeypatch, query, table):
    begins = []
    for enough in (0, 1000):
        monkeypatch.setattr(dataset_filters, "ENOUGH", enough)
        with statements() as sent:
            client.get(f"/datasets/?{query}")
        begins.append(any(f"(SELECT dataset_{table}.dataset_id" in statement.text for statement in sent))
    assert begins == [False, True]


def test_a_list_has_the_columns_of_its_page_only(client):
    with statements() as sent:
        client.get("/datasets/?healthy=true&limit=2")
    assert ["license" in statement.text for statement in sent] == [False, False, True]
