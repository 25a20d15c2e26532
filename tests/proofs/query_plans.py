"""With a million runs, no list reads the whole table, and the last page reads as little as the first.

The proof takes minutes: `pytest tests/proofs/query_plans.py`.
"""

import time
from itertools import product

import pytest

from tests.support.plans import FILTERS, LISTS, ORDERS, buffers, catalogue, indexes, last

COUNT = 1_000_000
LIMIT = 100


@pytest.fixture(scope="module")
def client(postgres_server):
    with catalogue(postgres_server, COUNT) as client:
        yield client


@pytest.mark.parametrize("path", LISTS)
def test_no_filter_with_any_order_scans_the_table(client, path):
    longest = [f"{query}&limit=1000" for query in FILTERS + ORDERS]
    queries = [*FILTERS, *ORDERS, *longest, *("&".join(pair) for pair in product(FILTERS, ORDERS))]
    assert [query for query in queries if "Seq Scan" in indexes(client, f"{path}?{query}")] == []


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("order", ORDERS)
def test_no_page_by_cursor_scans_the_table(client, path, order):
    assert "Seq Scan" not in indexes(client, last(client, order, path))


@pytest.mark.parametrize("offset", [1000, 100_000, 900_000, 9_999_999])
def test_no_page_by_offset_scans_the_table(client, offset):
    assert [order for order in ORDERS if "Seq Scan" in indexes(client, f"/recipe_runs/?{order}&offset={offset}")] == []


@pytest.mark.parametrize("order", ORDERS)
def test_the_last_page_reads_as_little_as_the_first(client, order):
    first, end = buffers(client, f"/recipe_runs/?{order}&limit={LIMIT}"), buffers(client, last(client, order))
    print(f"\n{order}: first page {first} buffers, last page {end}", end=" ")
    # In the worst case, each row of a page of the list is on another page of the table.
    assert end <= 1.2 * max(first, LIMIT)


@pytest.mark.parametrize(
    "path", ["/datasets/", "/datasets/?q=example-1", "/stats/overview", "/stats/overview?feedstock_id=300"]
)
def test_datasets_and_stats_answer_within_the_time_limit(client, path):
    started = time.perf_counter()
    assert client.get(path).status_code == 200
    print(f"\n{path}: {1000 * (time.perf_counter() - started):.0f} ms", end=" ")
