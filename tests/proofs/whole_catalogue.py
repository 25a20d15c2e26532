"""With 300,000 datasets, the documents of all of them need little memory, and other requests are served meanwhile."""

import sqlite3
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import orjson
import pytest
from sqlalchemy.engine import URL

from tests.proofs.fairness import LIMIT, probe
from tests.proofs.growth import serve
from tests.support import postgres
from tests.support.catalogue import migrate
from tests.support.dyno import ask
from tests.support.load import get, run
from tests.support.memory import forget_peak, peak, resident, worker

DATASETS, FEEDSTOCKS = 300_000, 3000
# `{numbers}` is a table of the numbers from 1 to DATASETS. One in a hundred datasets is withdrawn.
FILL = (
    """INSERT INTO feedstock (spec, provider)
    SELECT 'pangeo-forge/example-' || i || '-feedstock', 'github' FROM {numbers} WHERE i <= {feedstocks}""",
    """INSERT INTO feedstock_metadata (feedstock_id, title, description, providers, maintainers, keywords, links,
        updated_at)
    SELECT id, 'The title of feedstock ' || id, 'What it is about.', '[]', '[]', '["ocean"]', '[]', '2022-03-03'
    FROM feedstock WHERE id % 2 = 0""",
    """INSERT INTO dataset (id, feedstock_id, recipe_id, dataset_type, is_test, url, first_build, last_build,
        build_count, withdrawn_at)
    SELECT i, 1 + i % {feedstocks}, 'recipe-' || i, 'zarr', i < 0, 'https://data.org/example/' || i || '.zarr',
        '2022-03-03', '2022-03-03', 1, CASE WHEN i % 100 = 0 THEN timestamp '2022-03-04' END
    FROM {numbers}""",
    """INSERT INTO dataset_description (dataset_id, described_at, source, variables, dimensions, attributes, engine,
        consolidated)
    SELECT i, '2022-03-03', 'inspection', '{{}}', '{{}}', '{{}}', 'zarr', i > 0 FROM {numbers} WHERE i % 2 = 0""",
)
POSTGRESQL = "generate_series(1, {datasets}) AS numbers(i)"
SQLITE = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {datasets}) SELECT i FROM n)"


def statements(numbers):
    values = {"numbers": numbers.format(datasets=DATASETS), "feedstocks": FEEDSTOCKS}
    return [statement.format(**values) for statement in FILL]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request, postgres_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalogue")
    if request.param == "sqlite":
        url = URL.create("sqlite", database=str(folder / "catalogue.sqlite"))
        migrate(url)
        with sqlite3.connect(url.database) as connection:
            for statement in statements(SQLITE):
                connection.execute(statement.replace("timestamp '", "'"))
            connection.execute("ANALYZE")
        connection.close()
        with serve(url, folder) as server:
            yield server
        return
    with postgres.database(postgres_server) as url:
        migrate(url)
        for statement in statements(POSTGRESQL):
            postgres.execute(url, statement)
        postgres.vacuum(url)
        with serve(url, folder) as server:
            yield server


@pytest.mark.parametrize("path", ["/catalog.yaml", "/stac", "/stac/collections?limit=1000"])
def test_a_document_of_all_datasets_needs_little_memory_and_does_not_delay_others(server, path):
    run(server.port, get("/healthz"), get("/stac/collections?limit=1"), connections=1, count=10)
    pid = worker(server)
    forget_peak(pid)
    before, _ = resident(pid)
    with ProcessPoolExecutor(1, get_context("spawn")) as others:  # a thread would delay the probe
        reader = others.submit(run, server.port, get(path), connections=1, count=1)
        waits, late = probe(server.port, reader.done)
    [answer] = reader.result()
    grown = peak(pid) - before
    print(f"\n{path}: {answer.status} in {answer.seconds:.1f} s, {before:.0f} MB and {grown:.0f} MB more, ", end="")
    print(f"{len(waits)} of /healthz within {1000 * max(waits):.0f} ms, the machine {1000 * late:.0f} ms late", end="")
    assert answer.status == 200
    assert max(waits) - late < LIMIT
    assert grown < 30


def test_the_documents_have_all_datasets(server):
    catalogue = orjson.loads(ask(server, "/catalog.yaml")[2])
    listed = DATASETS - DATASETS // 100
    assert [len(catalogue[name]) for name in ("aliases", "data", "entries")] == [listed, DATASETS, DATASETS]
    links = orjson.loads(ask(server, "/stac")[2])["links"]
    assert sum(link["rel"] == "child" for link in links) == listed
