"""Finding datasets: words, ranks, pages, and the index that follows every change."""

import pytest
from sqlalchemy import delete, text, update

from app.extensions import db
from app.models import DatasetSearchQueue, Feedstock, FeedstockMetadata
from app.models.datasets import DATASETS
from app.services import search_documents
from app.services.search_documents import words
from tests.support.factories import make_description, make_feedstock, make_metadata, make_run
from tests.support.links import follow

PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/a.zarr"}
SST = {"dimensions": [], "shape": [], "standard_name": "sea_surface_temperature", "long_name": "Analysed SST"}


def publish(app, described=None, metadata=None, spec="a/feedstock", recipe_id="recipe", **columns):
    """A new dataset of a new feedstock with that metadata; its number."""
    feedstock = make_feedstock(app, **({} if spec == "a/feedstock" else {"spec": spec}))
    if metadata:
        make_metadata(app, feedstock_id=feedstock.id, **metadata)
    run = make_run(app, feedstock_id=feedstock.id, recipe_id=recipe_id, **PUBLISHED | columns)
    if described:
        make_description(app, id=run.id, variables=described)
    return run.id


def found(client, q, **query):
    response = client.get("/datasets/", query_string={"q": q, **query})
    assert response.status_code == 200, response.json
    return [dataset["id"] for dataset in response.json]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Sea-surface_temperature (0.25°)", ["sea", "surface", "temperature", "0", "25"]),
        ("Océan ÉLEVÉ e\u0301t\u00e9", ["ocean", "eleve", "ete"]),
        ("straße", ["strasse"]),
        ("海面水温", ["海面水温"]),
        ("a a A", ["a"]),
        ("%_\\ \u3000", []),
    ],
)
def test_a_text_is_split_into_words_without_case_and_accents(given, expected):
    assert words(given) == expected


@pytest.mark.parametrize("q", ["oisst", "OISST", "ois", "noaa oisst", "avhrr noaa", "noaa-oisst", "isst", "noaa-oi"])
def test_a_dataset_is_found_by_words_of_its_names(app, client, q):
    number = publish(app, spec="pangeo-forge/noaa-oisst-avhrr-feedstock")
    publish(app)
    assert found(client, q) == [number]


@pytest.mark.parametrize("q", ["had", "isst", "hadisst", "HadISST", "surface", "seasurface", "seaSurf"])
def test_a_name_in_camel_case_is_found_by_its_parts_and_as_a_whole(app, client, q):
    number = publish(app, metadata={"title": "HadISST seaSurface"})
    publish(app)
    assert found(client, q) == [number]


@pytest.mark.parametrize("q", ["sea surface temperature", "temp sea", "analysed", "sea_surface_temperature", "sst"])
def test_a_dataset_is_found_by_its_variables(app, client, q):
    number = publish(app, described={"sst": SST})
    publish(app)
    assert found(client, q) == [number]


def test_each_kind_of_text_has_its_rank(app, client):
    word = "precipitation"
    ranked = [
        publish(app, metadata={"title": f"Daily {word}"}),
        publish(app, metadata={"keywords": [word]}),
        publish(app, recipe_id=word),
        publish(app, described={word: SST}),
        publish(app, metadata={"description": f"It has {word}."}),
        publish(app, recipe_id=f"x{word}"),
    ]
    assert found(client, word) == ranked
    assert found(client, word, order_by="rank", sort="asc") == ranked[::-1]


def test_datasets_of_one_rank_are_sorted_by_id_newest_first(app, client):
    numbers = [publish(app, recipe_id="gpcp") for _ in range(3)]
    assert found(client, "gpcp") == numbers[::-1]


def test_all_words_count_together_wherever_they_are(app, client):
    both = publish(app, metadata={"title": "Ocean", "keywords": ["salinity"]})
    publish(app, metadata={"title": "Ocean"})
    assert found(client, "ocean salinity") == [both]


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_pages_of_a_search_have_every_dataset_once_in_order(app, client, sort, limit):
    for number in range(7):
        publish(app, **({"recipe_id": "gpcp"} if number % 2 else {"metadata": {"title": "GPCP"}}))
    query = f"q=gpcp&order_by=rank&sort={sort}&fields=id"
    whole = client.get(f"/datasets/?{query}").json
    pages = [page.json for page in follow(client, f"/datasets/?{query}&limit={limit}")]
    assert [dataset for page in pages for dataset in page] == whole
    assert len(whole) == 7
    offsets = [client.get(f"/datasets/?{query}&limit=1&offset={offset}").json for offset in range(8)]
    assert [dataset for page in offsets for dataset in page] == whole


def test_a_search_counts_the_datasets_of_all_ranks(app, client):
    for columns in ({"recipe_id": "gpcp"}, {"metadata": {"title": "GPCP"}}, {"recipe_id": "xgpcp"}, {}):
        publish(app, **columns)
    for order in ({}, {"order_by": "id"}):
        response = client.get("/datasets/", query_string={"q": "gpcp", "count": "true", "limit": 1, **order})
        assert response.headers["X-Total-Count"] == "3"


def test_a_search_in_another_order_finds_the_same(app, client):
    numbers = [publish(app, recipe_id=name) for name in ("gpcp", "xgpcp", "other", "gpcp2")]
    assert found(client, "gpcp", order_by="id", sort="asc") == [numbers[0], numbers[1], numbers[3]]
    assert found(client, "gpcp", sort="asc") == [numbers[0], numbers[1], numbers[3]]


def test_a_search_respects_the_filters_of_the_list(app, client):
    test_run = publish(app, recipe_id="gpcp", is_test=True)
    number = publish(app, recipe_id="gpcp", dataset_type="zarr")
    assert found(client, "gpcp") == [number]
    assert found(client, "gpcp", type="test") == [test_run]
    assert found(client, "gpcp", dataset_type="kerchunk") == []


def test_rank_without_a_query_is_refused(client):
    response = client.get("/datasets/?order_by=rank")
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/order_by")


@pytest.mark.parametrize("q", ["a' | b", "a & (b", "NOT a*", '"', "a:*", "a\nb", "(" * 255, "a " * 127, "\U0001f600"])
def test_no_query_is_an_error(app, client, q):
    publish(app)
    found(client, q)
    found(client, q, order_by="id")


@pytest.mark.parametrize(
    "change",
    [
        lambda number, feedstock: update(DATASETS).where(DATASETS.c.id == number).values(title="Salinity"),
        lambda number, feedstock: update(DATASETS).where(DATASETS.c.id == number).values(description="Salinity"),
        lambda number, feedstock: update(DATASETS).where(DATASETS.c.id == number).values(url="https://salinity"),
        lambda number, feedstock: update(Feedstock).where(Feedstock.id == feedstock).values(spec="a/salinity"),
        lambda number, feedstock: update(FeedstockMetadata).values(keywords=["salinity"]),
        lambda number, feedstock: text("UPDATE dataset_description SET variables = '{\"salinity\": {}}'"),
    ],
)
def test_a_search_finds_what_any_program_has_changed(app, client, change):
    number = publish(app, described={"sst": SST}, metadata={"title": "Temperature"})
    assert found(client, "salinity") == []
    with app.app_context(), db.engine.begin() as connection:
        [feedstock] = connection.execute(DATASETS.select().with_only_columns(DATASETS.c.feedstock_id)).scalars()
        connection.execute(change(number, feedstock))
    assert found(client, "salinity") == [number]


@pytest.mark.parametrize("table", ["feedstock_metadata", "dataset_description"])
def test_a_search_forgets_what_was_deleted(app, client, table):
    publish(app, described={"salinity": SST}, metadata={"title": "Salinity"})
    assert len(found(client, "salinity")) == 1
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(f"DELETE FROM {table}"))
        other = "dataset_description" if table == "feedstock_metadata" else "feedstock_metadata"
        connection.execute(text(f"DELETE FROM {other}"))
    assert found(client, "salinity") == []


def test_a_deleted_dataset_is_not_found(app, client):
    publish(app, recipe_id="gpcp")
    assert len(found(client, "gpcp")) == 1
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(delete(DATASETS))
    assert found(client, "gpcp") == []


def test_a_new_build_with_the_same_url_changes_no_text(app, client):
    feedstock = make_feedstock(app)
    make_run(app, feedstock_id=feedstock.id, **PUBLISHED)
    found(client, "a")
    make_run(app, feedstock_id=feedstock.id, **PUBLISHED)
    with app.app_context():
        assert db.session.query(DatasetSearchQueue).count() == 0


def test_more_changes_than_a_search_indexes_are_indexed_by_the_command(app, client, monkeypatch):
    monkeypatch.setattr(search_documents, "REFRESHED", 2)
    monkeypatch.setattr(search_documents, "BATCH", 2)
    for _ in range(5):
        publish(app, recipe_id="gpcp")
    with app.app_context():
        assert search_documents.index_changed() == 5
        assert search_documents.is_current()
    assert len(found(client, "gpcp")) == 5
