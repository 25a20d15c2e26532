"""No list reads the whole table of runs. `make proofs` shows the same with a million runs."""

import pytest

from tests.support.plans import FILTERS, LISTS, ORDERS, catalogue, indexes, last, plans

COUNT = 20_000
FEW = 5000  # runs, see app/database/pages.py
BLOCK = 8192  # ids, see app/database/id_blocks.py


@pytest.fixture(scope="module")
def client(postgres_server):
    with catalogue(postgres_server, COUNT) as client:
        yield client


@pytest.mark.parametrize("query", FILTERS + ORDERS)
def test_no_filter_and_no_order_scans_the_table(client, query):
    assert "Seq Scan" not in indexes(client, f"/recipe_runs/?{query}")


@pytest.mark.parametrize("order", ORDERS)
def test_no_page_by_cursor_scans_or_sorts_the_table(client, order):
    name = order.partition("=")[2].partition("&")[0]
    index = "reciperun_pkey" if name == "id" else f"ix_reciperun_{name}_id"
    assert indexes(client, last(client, order)) == {index}


@pytest.mark.parametrize(
    "query",
    [
        *("since=2020-01-09&limit=1", "until=2020-01-04&sort=desc&limit=1", "completed_after=2020-01-09&limit=1"),
        *("since=2020-01-09&is_test=true&limit=1", "since=2020-01-09&until=2020-01-10&limit=1000"),
    ],
)
def test_a_list_of_a_time_reads_few_other_runs(client, query):
    [plan] = plans(client, f"/recipe_runs/?{query}", run=True)
    assert 0 < ignored(plan) <= BLOCK


@pytest.mark.parametrize(
    "query",
    [
        *("status=queued&status=in_progress", "has_conclusion=false", "is_test=true&status=in_progress"),
        *(
            "conclusion=timed_out&order_by=started_at",
            "failure_class=timed_out&bakery_id=20",
            *("status=queued&since=2020-01-02", "since=2020-01-13&order_by=recipe_id"),
        ),
    ],
)
def test_a_list_of_few_runs_reads_few_others(client, query):
    *_, plan = plans(client, f"/recipe_runs/?{query}&limit=1", run=True)  # the others read counts
    assert ignored(plan) <= FEW


def ignored(plan):
    """The number of rows that were read and did not match."""
    return plan.get("Rows Removed by Filter", 0) + sum(ignored(part) for part in plan.get("Plans", ()))


@pytest.mark.parametrize("path", LISTS[1:])
@pytest.mark.parametrize("query", FILTERS + ORDERS)
def test_no_list_of_a_parent_scans_the_table(client, path, query):
    assert "Seq Scan" not in indexes(client, f"{path}?{query}")


def test_no_dataset_with_its_builds_scans_the_table(client):
    for dataset in client.get("/datasets/?type=all&feedstock_id=1").json:
        assert "Seq Scan" not in indexes(client, f"/datasets/{dataset['id']}")


def test_no_batch_of_the_datasets_of_a_feedstock_reads_those_of_later_batches(client):
    found = plans(client, "/feedstocks/1/datasets")
    assert len(found) > 2
    assert "Sort" not in str(found)


COUNTS = ["/stats/recipe_runs", "/stats/datasets", "/stats/datasets?exclude_test_runs=true"]


@pytest.mark.parametrize("reference", COUNTS)
def test_stats_read_no_runs(client, reference):
    assert indexes(client, reference) == {"ix_reciperun_count_slice"}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query", ["is_test=true", "status=queued&status=completed", "conclusion=success&has_dataset=true"]
)
def test_a_list_reads_its_count_from_the_table_of_counts(client, path, query):
    rest = indexes(client, f"{path}?{query}")
    assert indexes(client, f"{path}?{query}&count=true") == rest | {"ix_reciperun_count_slice"}


@pytest.mark.parametrize(
    "query", ["since=2020-01-14T00:00:00Z", "feedstock_id=300", "bakery_id=1&since=2020-01-14T00:00:00Z"]
)
def test_no_filtered_overview_scans_the_table(client, query):
    assert "Seq Scan" not in indexes(client, f"/stats/overview?{query}")


@pytest.mark.parametrize("query", ["", "type=production", "feedstock_id=300", "bakery_id=1&since=2020-01-14"])
def test_no_statistics_of_failures_scan_the_table(client, query):
    assert "Seq Scan" not in indexes(client, f"/stats/failures?{query}")


@pytest.mark.parametrize("path", ["/feed.atom", "/feedstocks/300/feed.atom", "/feedstocks/300/badge.svg"])
def test_no_feed_scans_the_table(client, path):
    assert "Seq Scan" not in indexes(client, path)


def test_stuck_runs_are_found_in_the_order_of_indexes(client):
    used = indexes(client, "/dashboard")
    assert {"ix_reciperun_queued", "ix_reciperun_status_id"} <= used
    assert "Seq Scan" not in used
