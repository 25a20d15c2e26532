"""The 30 defects measured in the original, D1 to D30: none can be reproduced here.

`COVERED` names the tests that show it. `LEFT_OUT` gives the reason if there is no test.
"""

import ast
from pathlib import Path

import pytest

from tests.support.factories import make_run, run_body
from tests.support.sent import statements

COVERED = {
    # An unreadable timestamp or a status of null broke every list.
    "D1": [
        "routes/test_defects.py::test_an_unreadable_timestamp_breaks_no_list",
        "schemas/test_timestamps.py::test_an_invalid_timestamp_is_422_and_not_stored",
        "migrations/test_adoption.py::test_upgrade_makes_timestamps_readable",
        "migrations/test_readable_times.py::test_every_route_that_reads_still_answers",
    ],
    "D2": ["routes/test_defects.py::test_a_status_of_null_breaks_no_list"],
    # There were more clients than connections, and workers raced at the start.
    "D3": [
        "database/test_faults.py::test_a_pool_without_a_free_connection_is_503_until_one_is_free",
        "database/test_faults.py::test_more_clients_than_connections_get_200_or_503_and_never_500",
    ],
    "D4": ["web/test_auth.py::test_the_administrators_key_needs_no_row"],
    # Pages had no bounds and no order.
    "D5": [
        "database/test_lists.py::test_a_limit_or_an_offset_out_of_range_is_422",
        "database/test_lists.py::test_limit_and_offset_select_a_part_of_the_list",
        "routes/test_defects.py::test_the_bounds_of_a_page_are_documented",
    ],
    "D6": [
        "database/test_lists.py::test_the_pages_of_equal_rows_have_every_row_once",
        "routes/test_recipe_runs.py::test_update_keeps_the_order_of_the_list",
    ],
    # The answer 404 always named a feedstock.
    "D7": [
        "routes/test_bakeries.py::test_a_missing_bakery_is_404_and_named",
        "routes/test_feedstocks.py::test_a_missing_feedstock_is_404_and_named",
        "routes/test_recipe_runs.py::test_a_missing_run_is_404_and_named",
    ],
    # Errors of the caller were 500.
    "D8": [
        "routes/test_recipe_runs.py::test_create_with_a_missing_parent_is_422_and_names_it",
        "web/test_parser.py::test_a_parents_id_is_a_json_integer_that_fits_the_column",
        "web/test_parser.py::test_null_for_a_field_that_is_not_nullable_is_422",
        "web/test_parser.py::test_text_with_nul_is_422",
        "web/test_parser.py::test_a_body_that_is_not_json_is_400",
        "schemas/test_timestamps.py::test_a_timestamp_is_converted_to_utc",
    ],
    "D9": [
        "routes/test_bakeries.py::test_delete_with_runs_is_409_and_counts_them",
        "routes/test_feedstocks.py::test_delete_with_runs_is_409_and_counts_them",
        "routes/test_defects.py::test_a_refused_delete_loads_no_runs",
    ],
    # Requests that were not executed, or not as the caller intended, were 200.
    "D10": [
        "web/test_parser.py::test_a_body_that_is_not_an_object_is_422",
        "web/test_parser.py::test_another_media_type_is_415",
        "routes/test_api_keys.py::test_an_invalid_body_is_422_and_creates_no_key",
        "routes/test_api_keys.py::test_a_body_that_is_not_json_creates_no_key",
    ],
    "D11": [
        "routes/test_bakeries.py::test_create_with_a_taken_name_is_409",
        "routes/test_feedstocks.py::test_create_again_is_200_with_the_existing_feedstock",
        "services/test_races.py::test_concurrent_creations_of_the_same_record_create_one_that_all_get",
    ],
    "D12": [
        "web/test_parser.py::test_text_is_a_json_string",
        "web/test_parser.py::test_a_flag_is_a_json_boolean",
        "web/test_parser.py::test_a_parents_id_is_a_json_integer_that_fits_the_column",
        "schemas/test_timestamps.py::test_an_invalid_timestamp_is_422_and_not_stored",
        "database/test_lists.py::test_limit_and_offset_accept_plain_digits_only",
    ],
    "D13": [
        "web/test_parser.py::test_unknown_fields_are_422",
        "web/test_parser.py::test_unknown_parameters_are_422",
    ],
    # Bodies of any size were read before authentication.
    "D14": [
        "web/test_auth.py::test_a_missing_key_is_refused_before_anything_else",
        "routes/test_defects.py::test_a_body_that_cannot_be_read_is_not_repeated",
        "web/test_parser.py::test_a_body_has_at_most_a_megabyte",
        "web/test_parser.py::test_a_chunked_body_has_at_most_a_megabyte",
        "web/test_parser.py::test_text_has_a_maximum_length_in_characters",
    ],
    # The use of HTTP did not follow the standards.
    "D15": [
        "web/test_auth.py::test_any_other_key_is_401_with_a_challenge",
        "web/test_headers.py::test_another_method_is_405_with_the_allowed_ones",
        "web/test_headers.py::test_head_is_get_without_the_body_on_every_path",
        "web/test_headers.py::test_options_names_the_methods",
        "routes/test_bakeries.py::test_create_answers_201_with_the_new_bakery_and_its_location",
    ],
    "D16": [
        "web/test_problems.py::test_a_bug_is_500_without_its_text",
        "web/test_problems.py::test_a_browser_can_read_every_error",
    ],
    "D17": [
        "web/test_headers.py::test_no_answer_repeats_the_host",
        "web/test_headers.py::test_every_route_answers_with_and_without_the_slash",
    ],
    # Databases differed in times and in references.
    "D19": [
        "schemas/test_timestamps.py::test_a_timestamp_is_converted_to_utc",
        "routes/test_recipe_runs.py::test_create_with_a_missing_parent_is_422_and_names_it",
    ],
    "D20": ["routes/test_stats.py::test_the_count_of_datasets_can_exclude_test_runs"],
    "D21": [
        "web/test_auth.py::test_a_rotated_administrators_key_is_revoked",
        "web/test_auth.py::test_an_ordinary_key_writes_but_does_not_create_keys",
        "routes/test_api_keys.py::test_created_at_is_the_time_in_utc_as_stored",
    ],
    "D23": ["database/test_lists.py::test_order_by_accepts_columns_only"],
    "D25": [
        "routes/test_repr.py::test_a_url_that_no_run_has_published_is_403",
        "routes/test_repr.py::test_an_invalid_url_is_422",
        "routes/test_repr.py::test_a_host_that_hangs_is_504_and_its_process_is_killed",
        "routes/test_repr.py::test_a_host_that_cannot_be_reached_is_502",
        "repr/test_program.py::test_a_private_address_is_refused_in_every_notation",
    ],
    "D24": [
        "routes/test_github_hooks.py::test_a_form_that_is_incomplete_is_422",
        "routes/test_github_hooks.py::test_an_unknown_run_is_404",
        "routes/test_github_hooks.py::test_a_delivery_that_github_repeats_is_done_once",
        "routes/test_github_hooks.py::test_events_without_effect_are_accepted",
    ],
    "D26": [
        "routes/test_feedstocks.py::test_a_missing_feedstock_is_404_and_named",
        "routes/test_feedstocks.py::test_datasets_have_exactly_these_fields",
    ],
    "D27": [
        "web/test_auth.py::test_any_other_key_is_401_with_a_challenge",
        "routes/test_github_hooks.py::test_a_wrong_signature_is_401",
    ],
    "D30": [
        "routes/test_defects.py::test_the_bounds_of_a_page_are_documented",
        "web/test_openapi.py::test_every_operation_lists_the_errors_it_can_answer_with",
    ],
}
LEFT_OUT = {
    "D18": "A bakery or feedstock still lists all its runs, which its readers count on.",
    "D22": "There is no register here.",
    "D28": "The original's command line is not part of this service.",
    "D29": "It is about a library that is not used here; answers to GET carry no ETag yet.",
}
TESTS = Path(__file__).parents[1]


def test_every_defect_has_tests_or_a_reason():
    assert sorted([*COVERED, *LEFT_OUT]) == sorted(f"D{number}" for number in range(1, 31))


@pytest.mark.parametrize("name", sorted({name for names in COVERED.values() for name in names}))
def test_the_tests_that_are_named_exist(name):
    file, function = name.split("::")
    tree = ast.parse((TESTS / file).read_text())
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def readable(client, run):
    return [
        client.get(path).status_code
        for path in (
            "/recipe_runs/",
            f"/recipe_runs/{run.id}",
            f"/bakeries/{run.bakery_id}",
            f"/feedstocks/{run.feedstock_id}",
            f"/feedstocks/{run.feedstock_id}/datasets",
        )
    ] == [200] * 5


@pytest.mark.parametrize("name", ["started_at", "completed_at"])
@pytest.mark.parametrize("value", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "infinity"])
def test_an_unreadable_timestamp_breaks_no_list(app, admin, name, value):
    run = make_run(app)
    body = run_body(app, bakery_id=run.bakery_id, feedstock_id=run.feedstock_id) | {name: value}
    assert admin.post("/recipe_runs/", json=body).status_code == 422
    assert admin.patch(f"/recipe_runs/{run.id}", json={name: value}).status_code == 422
    assert readable(admin, run)
    assert admin.patch(f"/recipe_runs/{run.id}", json={"version": "2"}).status_code == 200
    assert admin.delete(f"/recipe_runs/{run.id}").status_code == 200


def test_a_status_of_null_breaks_no_list(app, admin):
    run = make_run(app)
    assert admin.patch(f"/recipe_runs/{run.id}", json={"status": None}).status_code == 422
    assert readable(admin, run)
    assert admin.get(f"/recipe_runs/{run.id}").json["status"] == "queued"


def test_a_refused_delete_loads_no_runs(app, admin):
    run = make_run(app)
    with statements() as sent:
        assert admin.delete(f"/bakeries/{run.bakery_id}").status_code == 409
    assert any("DELETE FROM bakery" in statement.text for statement in sent)
    assert [statement for statement in sent if "reciperun.message" in statement.text] == []


@pytest.mark.parametrize("secret", ['{"key": "hunter2', "hunter2", "[hunter2]"])
def test_a_body_that_cannot_be_read_is_not_repeated(admin, secret):
    response = admin.post("/bakeries/", data=secret, content_type="application/json")
    assert response.status_code == 400
    assert "hunter2" not in response.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/bakeries/", "/feedstocks/", "/recipe_runs/"])
def test_the_bounds_of_a_page_are_documented(client, path):
    parameters = client.get("/openapi.json").json["paths"][path]["get"]["parameters"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in parameters}
    assert (schemas["limit"]["minimum"], schemas["limit"]["maximum"], schemas["limit"]["default"]) == (0, 1000, 100)
    assert (schemas["offset"]["minimum"], schemas["offset"]["maximum"]) == (0, 2**63 - 1)
    assert "lte" not in schemas["limit"]
