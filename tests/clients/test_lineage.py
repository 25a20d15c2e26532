"""The Python client of OpenLineage, which sends its events over HTTP."""

import json
import urllib.request

from tests.support.apps import ADMIN_KEY
from tests.support.clients import FOLDER, NO_PYTHON, PYTHON, require, run

GOOD, BAD = "01939f6e-8b2a-7c4d-9e5f-6a7b8c9d0e1f", "01939f6e-8b2a-7c4d-9e5f-6a7b8c9d0e20"


def found(service, external_id):
    with urllib.request.urlopen(f"{service}/recipe_runs/?external_id={external_id}") as response:
        [only] = json.load(response)
    return only


def test_the_client_of_openlineage_reports_a_success_and_a_failure(own_service, tmp_path):
    require(PYTHON / "openapi-python-client", NO_PYTHON)
    arguments = (str(FOLDER / "send_lineage.py"), own_service, ADMIN_KEY, "bakeries/1/lineage", GOOD, BAD)
    assert run(str(PYTHON / "python"), *arguments, cwd=tmp_path) == ""
    good, bad = found(own_service, GOOD), found(own_service, BAD)
    assert (good["status"], good["conclusion"], good["is_test"]) == ("completed", "success", False)
    assert (good["started_at"], good["completed_at"]) == ("2026-03-03T02:00:00.250000Z", "2026-03-03T02:30:00Z")
    assert (good["dataset_public_url"], good["dataset_type"]) == ("https://data.org/gpcp.zarr", "zarr")
    assert (bad["conclusion"], bad["is_test"], bad["recipe_id"]) == ("failure", True, "gpcp")
    assert bad["message"].startswith("FileNotFoundError: day3.nc\n\nTraceback")
