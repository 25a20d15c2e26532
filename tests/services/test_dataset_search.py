"""Finding datasets: words, ranks, pages, and the index that follows every change."""

import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import delete, event, insert, text, update

from app.extensions import db
from app.models import DatasetHealth, DatasetSearch, DatasetSearchQueue, Feedstock, FeedstockMetadata
from app.models.datasets import DATASETS
from app.services import dataset_facets, dataset_search, search_documents
from app.services.search_documents import words
from tests.support.databases import application, on_postgresql, on_sqlite, other_program
from tests.support.factories import make_description, make_feedstock, make_metadata, make_run
from tests.support.links import follow
from tests.support.sent import statements

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


@pytest.mark.parametrize(
    ("title", "q", "is_found"),
    [
        ("Optimum Interpolated SST", "sea surface temperature", True),
        ("Optimum Interpolated SST", "interpolated surface temperature sea", True),
        ("Optimum Interpolated SST", "sea surface salinity", False),
        ("Optimum Interpolated SST", "weekly sea surface temperature", False),
        ("Sea surface temperature, daily", "daily SST", True),
        ("Sea surface height", "ssh", True),
        ("Land surface", "lst", False),
        ("Sea surface temperature and salinity", "sst sss", True),
        ("SST and SSS of the ocean", "sea surface temperature salinity", True),
        ("SST of the ocean", "sea surface temperature height", False),
    ],
)
@pytest.mark.parametrize("order", [{}, {"order_by": "id", "sort": "asc"}])
def test_an_abbreviation_stands_for_its_words(app, client, title, q, is_found, order):
    number = publish(app, metadata={"title": title})
    publish(app)
    assert found(client, q, **order) == ([number] if is_found else [])


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


@pytest.mark.parametrize("enough", [0, 25], ids=["in the order of ids", "by the index of words"])
@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_pages_of_a_search_have_every_dataset_once_in_order(app, client, monkeypatch, sort, limit, enough):
    monkeypatch.setattr(dataset_search, "ENOUGH", enough)
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


@on_postgresql
@pytest.mark.parametrize(("number", "in_order"), [(24, False), (25, True)])
def test_postgresql_reads_in_the_order_of_ids_if_many_of_the_next_datasets_match(app, client, number, in_order):
    for recipe in range(number):
        publish(app, recipe_id=f"gpcp-{recipe}")
    with statements() as sent:
        assert len(found(client, "gpcp")) == number
    assert any("ORDER BY dataset_search.dataset_id DESC" in statement.text for statement in sent) is in_order


def test_sqlite_reads_the_index_of_words_before_the_datasets(sqlite_app):
    with statements() as sent:
        sqlite_app.test_client().get("/datasets/?q=gpcp&count=true&is_test=false")
    searches = [statement for statement in sent if "MATCH" in statement.text]
    assert any("count(*)" in statement.text for statement in searches)
    with sqlite_app.app_context(), db.engine.connect() as connection:
        for search in searches:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {search.text}", search.parameters)
            steps = [row.detail for row in plan if "dataset" in row.detail]
            assert steps[0].startswith("SCAN dataset_search_index VIRTUAL TABLE"), search.text


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
    assert found(client, q) == found(client, q, order_by="id")


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


# Signs and folded letters take more bytes in a token. PostgreSQL limits a token to 2046.
LONG_NAMES = ["\u0390" * 255, "-" * 255, "\U00010400" * 255]


@pytest.mark.parametrize("name", [*LONG_NAMES, "sea_surface_temperature_" * 10])
def test_a_variable_with_a_long_name_is_found_by_it(app, client, name):
    number = publish(app, described={name: SST})
    publish(app, described={name[:-1] + "x": SST})
    assert [dataset["id"] for dataset in client.get("/datasets/", query_string={"variable": name}).json] == [number]
    assert len(found(client, "analysed")) == 2


def test_names_of_ordinary_length_are_tokens_as_they_are():
    assert search_documents.whole("variable", "SST") == "vsst"
    assert search_documents.whole("keyword", "x" * 512) == "k" + "x" * 512


def many(kind, length):
    """500 different names in letters of four bytes, of that length."""
    letters = [chr(0x20000 + number) for number in range(500)]
    return [letter + (kind + letter) * (length // 2 - 1) + kind for letter in letters]


def test_a_dataset_with_the_longest_texts_is_found_by_the_most_important_of_them(app, client):
    described = {
        name: SST | {"standard_name": standard, "long_name": " ".join(many("\U00021000", 6)[:42])}
        for name, standard in zip(many("\U00021001", 254), many("\U00021002", 254), strict=True)
    }
    text_of_words = " ".join(many("\U00021003", 200))
    metadata = {"title": "Salinity", "keywords": many("\U00021004", 500)[:100], "description": text_of_words}
    number = publish(app, described=described, metadata=metadata, dataset_public_url=f"https://host/{'x' * 2000}end")
    other = publish(app, recipe_id="other")
    assert found(client, "salinity") == found(client, "xend") == [number]
    assert found(client, "other") == [other]
    variable = client.get("/datasets/", query_string={"variable": list(described)[-1], "fields": "id"})
    assert variable.json == [{"id": number}]


def test_a_document_that_is_too_long_has_its_first_tokens(app, client, monkeypatch):
    monkeypatch.setattr(search_documents, "DOCUMENT_MAX", 1000)
    number = publish(app, metadata={"title": "Salinity", "description": " ".join(f"w{word}" for word in range(500))})
    assert found(client, "salinity") == found(client, "w0") == [number]
    assert found(client, "w499") == []


@contextmanager
def refused_documents(app, monkeypatch):
    """The database refuses the document of a dataset with the variable LONG_NAMES[0]."""

    def limit(length, connection, *_):
        if isinstance(connection, sqlite3.Connection):
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, length)

    begin, end = partial(limit, 2500), partial(limit, 10**9)
    with app.app_context():
        engine = db.engine
    event.listen(engine, "checkout", begin)
    event.listen(engine, "checkin", end)
    with monkeypatch.context() as patch:
        patch.setattr(search_documents, "WHOLE_MAX", 10_000)
        yield
    event.remove(engine, "checkout", begin)
    event.remove(engine, "checkin", end)


def test_a_dataset_that_the_database_cannot_index_does_not_stop_the_others(app, client, monkeypatch, caplog):
    first, refused, last = [publish(app, described={name: SST}) for name in ("sst", LONG_NAMES[0], "sst")]
    with refused_documents(app, monkeypatch):
        assert found(client, "sst") == [last, first]
    (record,) = [record for record in caplog.records if record.name == "app.services.search_documents"]
    assert (record.getMessage(), record.dataset_id) == ("dataset not indexed", refused)
    with app.app_context():
        assert search_documents.is_current()


def test_a_dataset_that_was_not_indexed_is_indexed_when_its_texts_change(app, client, monkeypatch):
    number = publish(app, described={LONG_NAMES[0]: SST})
    with refused_documents(app, monkeypatch):
        assert found(client, "recipe") == []
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE dataset_description SET variables = '{\"salinity\": {}}'"))
    assert found(client, "salinity") == [number]


LOCKS = [
    ("sqlite", "UPDATE dataset SET title = title"),
    ("postgresql", "SELECT id FROM dataset FOR UPDATE"),
    ("postgresql", f"SELECT pg_advisory_xact_lock({search_documents.LOCK_KEY})"),
    ("postgresql", "LOCK TABLE dataset_search_queue IN SHARE MODE"),
]


@pytest.mark.parametrize(("kind", "lock"), LOCKS, indirect=["kind"])
@pytest.mark.parametrize("order", [{}, {"order_by": "id"}], ids=["best first", "by id"])
def test_a_search_does_not_wait_for_locks_of_other_programs(migrated_url, long_timeouts, lock, order, caplog):
    with application(migrated_url, long_timeouts(migrated_url)) as app:
        client = app.test_client()
        before = publish(app, recipe_id="gpcp")
        assert found(client, "gpcp", **order) == [before]
        after = publish(app, recipe_id="gpcp")
        with other_program(migrated_url, lock):
            assert found(client, "gpcp", **order) == [before]
        assert "search index not updated" in caplog.messages
        assert found(client, "gpcp", **order) == [after, before]


@on_sqlite
def test_a_search_on_a_full_disk_reads_the_index_as_it_is(migrated_url):
    def limit(connection, *_):
        connection.execute("PRAGMA max_page_count = 1")  # as many as there are

    with application(migrated_url) as app:
        client, number = app.test_client(), publish(app, recipe_id="gpcp")
        assert found(client, "gpcp") == [number]
        publish(app, recipe_id="gpcp", described=dict.fromkeys(many("x", 250)[:50], SST))
        with app.app_context():
            event.listen(db.engine, "checkout", limit)
        assert found(client, "gpcp") == [number]


@pytest.mark.parametrize(
    ("box", "found_ids"),
    [
        ("-5,35,5,40", [0]),
        ("5,35,20,40", [0]),
        ("11,35,20,40", []),
        ("-180,-90,180,90", [1, 0]),
        ("-175,-5,-172,5", [1]),
        ("172,-5,175,5", [1]),
        ("175,-5,-175,5", [1]),
        ("-175,50,175,60", [0]),
        ("5,35,100,20,40,200", [0]),
        ("0,60.1,1,61", []),
    ],
)
def test_a_box_finds_datasets_whose_extent_has_a_point_in_it(app, client, box, found_ids):
    europe = publish(app)
    make_description(app, id=europe, west=-10, south=30, east=10, north=60)
    pacific = publish(app)
    make_description(app, id=pacific, west=170, south=-10, east=-170, north=10)
    publish(app)
    listed = [dataset["id"] for dataset in client.get(f"/datasets/?bbox={box}").json]
    assert listed == [[europe, pacific][index] for index in found_ids]


@pytest.mark.parametrize(
    ("interval", "is_found"),
    [
        ("2000-06-01", True),
        ("2000-06-01T12:00:00Z", True),
        ("1999-01-01/2000-01-01", True),
        ("1999-01-01/1999-12-31", False),
        ("2000-12-31/2002-01-01", True),
        ("2001-01-01/..", False),
        ("2000-03-01/..", True),
        ("../1999-12-31", False),
        ("/2000-03-01T00:00:00%2B02:00", True),
    ],
)
def test_an_interval_finds_datasets_with_data_in_it(app, client, interval, is_found):
    year = {"time_start": datetime(2000, 1, 1, tzinfo=UTC), "time_end": datetime(2000, 12, 31, tzinfo=UTC)}
    make_description(app, id=publish(app), **year)
    publish(app)
    assert len(client.get(f"/datasets/?datetime={interval}").json) == is_found


@pytest.mark.parametrize(
    "query",
    [
        *("bbox=1,2,3", "bbox=a,b,c,d", "bbox=0,10,1,5", "bbox=-181,0,1,1", "bbox=nan,0,1,1", "bbox="),
        *("bbox=1_0,0,20,20", "bbox=%D9%A1,0,20,20"),
        *("datetime=../..", "datetime=x", "datetime=2000-01-01/1999-01-01", "datetime=a/b/c", "datetime=/"),
    ],
)
def test_a_box_or_an_interval_that_is_none_is_refused_with_a_sentence(client, query):
    response = client.get(f"/datasets/?{query}")
    assert (response.status_code, response.json["errors"][0]["in"]) == (422, "query")


@pytest.mark.parametrize("variable", ["sst", "SST", "sea_surface_temperature"])
def test_a_variable_is_found_by_its_whole_name(app, client, variable):
    number = publish(app, described={"sst": SST})
    publish(app, described={"sst_anomaly": SST | {"standard_name": None}})
    assert [dataset["id"] for dataset in client.get(f"/datasets/?variable={variable}").json] == [number]


@pytest.mark.parametrize("keyword", ["Sea, surface", "sea, SURFACE", "\u0390" * 500])
def test_a_keyword_is_found_as_a_whole(app, client, keyword):
    number = publish(app, metadata={"keywords": ["Sea, surface", "\u0390" * 500]})
    publish(app, spec="owner/other", metadata={"keywords": ["sea", "surface"], "title": "Sea, surface"})
    found = client.get("/datasets/", query_string={"keyword": keyword})
    assert [dataset["id"] for dataset in found.json] == [number]


def test_a_new_keyword_of_a_feedstock_finds_its_datasets(app, client, admin):
    number = publish(app, metadata={"keywords": ["ocean"]})
    assert client.get("/datasets/?keyword=ice").json == []
    path = f"/feedstocks/{client.get(f'/datasets/{number}').json['feedstock_id']}/metadata"
    assert admin.put(path, json={"keywords": ["ice"]}).status_code == 200
    assert [dataset["id"] for dataset in client.get("/datasets/?keyword=ice").json] == [number]
    assert client.get("/datasets/?keyword=ocean").json == []


def test_a_dataset_with_the_tokens_of_another_release_is_indexed_again(app, client):
    number = publish(app, metadata={"keywords": ["ice"]})
    assert found(client, "ice") == [number]
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(update(DatasetSearch).values(document="dother", version=search_documents.VERSION - 1))
    assert [dataset["id"] for dataset in client.get("/datasets/?keyword=ice").json] == [number]
    with app.app_context():
        assert search_documents.is_current()


def test_a_choice_of_a_facet_finds_as_many_datasets_as_it_says(app, client):
    publish(app, described={"sst": {}}, metadata={"keywords": ["Ocean", "OCEAN", "sea ice"]})
    publish(app, described={"SST": {}, "ice": {}}, spec="owner/other", metadata={"keywords": ["ocean", "sea"]})
    publish(app, spec="owner/third", metadata={"keywords": ["ocean"]})
    facets = client.get("/datasets/facets").json
    assert facets["keyword"] == [
        {"value": "ocean", "count": 3},
        *({"value": v, "count": 1} for v in ("sea", "sea ice")),
    ]
    for name in ("keyword", "variable"):
        for choice in facets[name]:
            found = client.get("/datasets/", query_string={name: choice["value"]})
            assert len(found.json) == choice["count"], choice


def test_healthy_filters_by_the_last_check(app, client):
    numbers = [publish(app) for _ in range(3)]
    with app.app_context(), db.engine.begin() as connection:
        values = [{"dataset_id": id, "healthy": healthy} for id, healthy in zip(numbers, (True, False), strict=False)]
        connection.execute(insert(DatasetHealth), values)
    for query, expected in (("true", numbers[:1]), ("false", numbers[1:2])):
        assert [dataset["id"] for dataset in client.get(f"/datasets/?healthy={query}").json] == expected


def test_a_sentence_says_that_the_sign_of_an_offset_was_lost(client):
    answer = client.get("/datasets/?datetime=2000-01-01T00:00:00+02:00")
    assert "write + as %2B" in answer.json["errors"][0]["detail"]


def test_a_format_is_the_one_that_was_found_or_else_the_one_that_is_listed(app, client):
    listed = [("zarr", "h5netcdf"), ("netcdf", None), (None, "zarr"), ("zarr", "rasterio"), (None, None)]
    numbers = []
    for dataset_type, engine in listed:
        numbers.append(publish(app, dataset_type=dataset_type))
        if engine:
            make_description(app, id=numbers[-1], engine=engine)
    formats = ["netcdf", "netcdf", "zarr", "zarr", None]
    for query in ("order_by=id&sort=asc", "q=pangeo&sort=asc", "q=pangeo&order_by=id&sort=asc"):
        assert [dataset["format"] for dataset in client.get(f"/datasets/?{query}").json] == formats
        for wanted in ("netcdf", "zarr", "netcdf,zarr", "parquet"):
            found = [dataset["id"] for dataset in client.get(f"/datasets/?{query}&format={wanted}").json]
            matching = [id for id, format in zip(numbers, formats, strict=True) if format in wanted.split(",")]
            assert found == matching
    assert client.get("/datasets/?format=netcdf&count=true").headers["X-Total-Count"] == "2"
    assert client.get("/datasets/?format=grib").status_code == 422


def test_facets_count_the_datasets_that_the_list_has(app, client):
    publish(app, described={"sst": SST}, metadata={"keywords": ["ocean"], "license": "CC0-1.0"}, dataset_type="zarr")
    publish(app, spec="owner/other", metadata={"keywords": ["ocean", "ocean"]})
    publish(app, is_test=True)
    assert client.get("/datasets/facets").json == {
        "count": 2,
        "complete": True,
        "dataset_type": [{"value": None, "count": 1}, {"value": "zarr", "count": 1}],
        "format": [{"value": None, "count": 1}, {"value": "zarr", "count": 1}],
        "license": [{"value": "CC0-1.0", "count": 1}, {"value": None, "count": 1}],
        "healthy": [{"value": None, "count": 2}],
        "owner": [{"value": "owner", "count": 1}, {"value": "pangeo-forge", "count": 1}],
        "keyword": [{"value": "ocean", "count": 2}],
        "variable": [{"value": "sst", "count": 1}],
    }
    assert client.get("/datasets/facets?q=ocean&dataset_type=zarr").json["count"] == 1


def test_facets_say_that_they_count_the_first_datasets_only(app):
    for _ in range(2):
        publish(app)
    with app.app_context():
        facets = dataset_facets.facets({"order_by": "id", "sort": "asc"}, counted=1)
    assert (facets["count"], facets["complete"]) == (1, False)
