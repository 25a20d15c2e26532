"""Every operation of the API has a method of our own client, or a reason why not."""

import json
from operator import attrgetter

from pangeo_forge_client import Client
from tests.support.apps import make_app

METHODS = {
    "list_datasets": "datasets.list",
    "get_dataset_facets": "datasets.facets",
    "create_dataset": "datasets.create",
    "get_dataset": "datasets.get",
    "update_dataset": "datasets.update",
    "withdraw_dataset": "datasets.delete",
    "list_dataset_events": "datasets.events",
    "list_dataset_checks": "datasets.checks",
    "get_dataset_description": "datasets.description",
    "put_dataset_description": "datasets.describe",
    "get_dataset_thumbnail": "datasets.thumbnail",
    "list_recipe_runs": "runs.list",
    "create_recipe_run": "runs.create",
    "create_recipe_runs": "runs.create_many",
    "get_recipe_run": "runs.get",
    "update_recipe_run": "runs.update",
    "delete_recipe_run": "runs.delete",
    "list_recipe_run_events": "runs.events",
    "get_run_log": "runs.log",
    "append_to_run_log": "runs.append_log",
    "get_script": "runs.reproduce",
    "list_feedstocks": "feedstocks.list",
    "create_feedstock": "feedstocks.create",
    "get_feedstock": "feedstocks.get",
    "update_feedstock": "feedstocks.update",
    "delete_feedstock": "feedstocks.delete",
    "list_feedstock_recipe_runs": "feedstocks.runs",
    "list_feedstock_datasets": "feedstocks.builds",
    "get_feedstock_metadata": "feedstocks.metadata",
    "put_feedstock_metadata": "feedstocks.describe",
    "delete_feedstock_metadata": "feedstocks.delete_metadata",
    "list_bakeries": "bakeries.list",
    "create_bakery": "bakeries.create",
    "get_bakery": "bakeries.get",
    "update_bakery": "bakeries.update",
    "delete_bakery": "bakeries.delete",
    "list_bakery_recipe_runs": "bakeries.runs",
    "create_webhook_secret": "bakeries.create_secret",
    "revoke_webhook_secret": "bakeries.revoke_secret",
    "report_recipe_run": "runs.report",
    "count_recipe_runs": "stats.recipe_runs",
    "count_bakeries": "stats.bakeries",
    "count_feedstocks": "stats.feedstocks",
    "count_datasets": "stats.datasets",
    "get_overview": "stats.overview",
    "get_failures": "stats.failures",
    "list_api_keys": "keys.list",
    "create_api_key": "keys.create",
    "get_my_api_key": "keys.me",
    "get_api_key": "keys.get",
    "update_api_key": "keys.update",
    "delete_api_key": "keys.delete",
    "rotate_api_key": "keys.rotate",
    "list_audit": "audit.list",
}
# What other programs send and read. The tags of the operations, and single ones.
OTHER_PROGRAMS = {"stac", "intake", "feeds", "repr", "github_hooks"}
OTHER_REPORTS = {"report_lineage"}


def operations():
    document = json.loads(make_app("sqlite:///never-opened.sqlite").extensions["openapi_json"])
    for item in document["paths"].values():
        yield from (operation for method, operation in item.items() if method != "parameters")


def test_every_operation_has_a_method():
    ours = {each["operationId"] for each in operations() if each["tags"][0] not in OTHER_PROGRAMS}
    assert ours - OTHER_REPORTS == set(METHODS)
    with Client("http://service") as forge:
        assert all(callable(attrgetter(name)(forge)) for name in METHODS.values())
