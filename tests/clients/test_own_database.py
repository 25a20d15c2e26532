"""`pangeo-forge database`, the command of the original."""

import json

NEW_BAKERY = '{"region": "eu", "name": "of-the-original", "description": "A bakery."}'


def test_the_command_of_the_original_works_as_it_did(pangeo_forge):
    code, printed, errors = pangeo_forge("database", "post", "/bakeries/", NEW_BAKERY)
    assert (code, errors) == (0, "")
    path = f"/bakeries/{json.loads(printed)['id']}"
    assert json.loads(pangeo_forge("database", "get", path)[1])["name"] == "of-the-original"
    assert '"EU"' in pangeo_forge("database", "patch", path, '{"region": "EU"}')[1]
    assert pangeo_forge("database", "delete", path) == (0, '{"ok":true}\n', "")


def test_the_options_of_the_original_are_where_they_were(pangeo_forge, forge_service, monkeypatch):
    monkeypatch.delenv("PANGEO_FORGE_SERVER")
    code, printed, _ = pangeo_forge("database", "--server", f"{forge_service}/", "--api-key", "x", "get", "bakeries")
    assert code == 0
    assert len(json.loads(printed)) >= 3


def test_a_query_of_a_path_is_sent(pangeo_forge):
    assert len(json.loads(pangeo_forge("database", "get", "/recipe_runs/?limit=2&status=completed")[1])) == 2


def test_data_may_come_from_standard_input(pangeo_forge):
    code, printed, _ = pangeo_forge("database", "post", "/feedstocks/", "-", stdin='{"spec": "a/from-stdin"}')
    assert (code, json.loads(printed)["spec"]) == (0, "a/from-stdin")
