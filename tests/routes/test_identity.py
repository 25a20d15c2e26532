"""Which records are the same: one repository is one feedstock, and names that look alike are one name."""

import pytest

from app.extensions import db
from app.models import FeedstockAlias
from tests.support.databases import on_sqlite
from tests.support.factories import bakery_body, make_bakery, make_feedstock, make_run, run_body

SAME = [
    "Pangeo-Forge/GPCP-feedstock",
    " pangeo-forge/gpcp-feedstock\n",
    "pangeo-forge/gpcp-feedstock/",
    "pangeo-forge/gpcp-feedstock.git",
    "https://github.com/pangeo-forge/gpcp-feedstock",
    "http://www.GitHub.com/pangeo-forge/gpcp-feedstock/",
    "https://github.com/Pangeo-Forge/gpcp-feedstock.git",
    "github.com/pangeo-forge/gpcp-feedstock",
    "git@github.com:pangeo-forge/gpcp-feedstock.git",
    "ssh://git@github.com/pangeo-forge/gpcp-feedstock.git",
]
SPEC = "pangeo-forge/gpcp-feedstock"
NO_REPOSITORY = [
    *("/gpcp", "a/", "a//b", "a/b/c", "a b/c", "a/b c", "a/.", "a/..", "a/.git", "a.git", "..", "a/b?x", "a/b#x"),
    *("https://github.com/a", "https://github.com/a/b/tree/main", "https://gitlab.com/a/b", "git@gitlab.com:a/b.git"),
    *("https://user:password@github.com/a/b", "javascript:a/b"),
]
SENTENCE = "spec: Must be a repository on GitHub, as owner/name or as its URL, such as pangeo-forge/gpcp-feedstock."
COMPOSED, DECOMPOSED = "Océans", "Oce\N{COMBINING ACUTE ACCENT}ans"


def ids(client, path, **query):
    response = client.get(path, query_string=query)
    assert response.status_code == 200
    return [record["id"] for record in response.json]


def aliases(app):
    with app.app_context():
        return {(alias.spec, alias.feedstock_id) for alias in db.session.query(FeedstockAlias)}


@pytest.mark.parametrize("spec", SAME[1:])
def test_a_feedstock_is_stored_as_owner_and_name(writer, spec):
    created = writer.post("/feedstocks/", json={"spec": spec})
    assert created.status_code == 201
    assert created.json["spec"].lower() == SPEC


@pytest.mark.parametrize(
    "spec", ["Pangeo-Forge/GPCP-feedstock", "a/.github", "a_b/c", "a/CMIP6_static_grids-feedstock", "gpcp", "é/b"]
)
def test_the_letters_of_a_spec_are_kept(writer, spec):
    assert writer.post("/feedstocks/", json={"spec": spec}).json["spec"] == spec


@pytest.mark.parametrize("spec", SAME)
def test_another_form_of_a_known_repository_is_the_same_feedstock(app, writer, spec):
    feedstock = make_feedstock(app, spec=SPEC)
    response = writer.post("/feedstocks/", json={"spec": spec})
    assert (response.status_code, response.json["id"], response.json["spec"]) == (200, feedstock.id, SPEC)
    assert ids(writer, "/feedstocks/", spec=spec) == [feedstock.id]


@on_sqlite
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("spec", NO_REPOSITORY)
def test_a_spec_that_is_no_repository_is_422(app, writer, method, spec):
    path = f"/feedstocks/{make_feedstock(app).id}" if method == "PATCH" else "/feedstocks/"
    response = writer.open(path, method=method, json={"spec": spec})
    assert response.status_code == 422
    assert response.json["errors"] == [{"in": "body", "pointer": "/spec", "detail": SENTENCE}]


def test_a_filter_by_spec_finds_what_another_program_stored(app, client):
    feedstock = make_feedstock(app, spec="é on a Disk")
    assert ids(client, "/feedstocks/", spec="é on a disk") == [feedstock.id]
    assert ids(client, "/feedstocks/", spec=["x", "é on a disk"]) == [feedstock.id]
    assert ids(client, "/feedstocks/", spec="É on a disk") == []


@pytest.mark.parametrize("spec", SAME)
def test_datasets_are_filtered_by_any_form_of_a_repository(app, client, spec):
    published = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://a.org/b.zarr"}
    run = make_run(app, feedstock_id=make_feedstock(app, spec=SPEC).id, **published)
    make_run(app, **published)
    assert ids(client, "/datasets/", feedstock=spec) == [run.id]
    assert ids(client, "/datasets/", feedstock=["a/b", spec]) == [run.id]


def test_a_change_of_case_is_no_rename(app, writer):
    feedstock = make_feedstock(app, spec=SPEC)
    response = writer.patch(f"/feedstocks/{feedstock.id}", json={"spec": SAME[0]})
    assert (response.status_code, response.json["spec"]) == (200, SAME[0])
    assert aliases(app) == set()


def test_a_name_in_another_case_is_taken(app, writer):
    taken, feedstock = make_feedstock(app, spec="a/Taken"), make_feedstock(app, spec="a/free")
    response = writer.patch(f"/feedstocks/{feedstock.id}", json={"spec": "A/taken"})
    assert response.status_code == 409
    assert response.json["detail"] == f"feedstock {taken.id} already has provider 'github' and spec 'a/Taken'."


@pytest.mark.parametrize("name", ["a/old", "A/Old", "https://github.com/a/old"])
def test_a_former_name_leads_to_the_feedstock(app, writer, name):
    feedstock = make_feedstock(app, spec="a/old")
    renamed = writer.patch(f"/feedstocks/{feedstock.id}", json={"spec": "b/new"}).json
    again = writer.post("/feedstocks/", json={"spec": name})
    assert (again.status_code, again.json) == (200, renamed)
    assert ids(writer, "/feedstocks/", spec=name) == [feedstock.id]
    assert aliases(app) == {("a/old", feedstock.id)}


def test_datasets_are_found_by_a_former_name(app, writer):
    published = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://a.org/b.zarr"}
    run = make_run(app, feedstock_id=make_feedstock(app, spec="a/old").id, **published)
    writer.patch(f"/feedstocks/{run.feedstock_id}", json={"spec": "b/new"})
    assert ids(writer, "/datasets/", feedstock="a/old") == ids(writer, "/datasets/", feedstock="b/new") == [run.id]


def test_all_former_names_lead_to_the_feedstock(app, writer):
    feedstock = make_feedstock(app, spec="a/1")
    for number in (2, 3, 1, 4):
        assert writer.patch(f"/feedstocks/{feedstock.id}", json={"spec": f"a/{number}"}).status_code == 200
    assert aliases(app) == {(f"a/{number}", feedstock.id) for number in (1, 2, 3)}
    assert ids(writer, "/feedstocks/", spec=["a/1", "a/2"]) == [feedstock.id]


def test_a_feedstock_that_returns_to_a_former_name_keeps_one_record_of_it(app, writer):
    feedstock = make_feedstock(app, spec="a/old")
    for spec in ("a/new", "A/Old"):
        writer.patch(f"/feedstocks/{feedstock.id}", json={"spec": spec})
    assert aliases(app) == {("a/new", feedstock.id)}


def test_the_former_name_of_another_feedstock_is_taken(app, writer):
    first, second = make_feedstock(app, spec="a/old"), make_feedstock(app, spec="a/b")
    writer.patch(f"/feedstocks/{first.id}", json={"spec": "a/new"})
    response = writer.patch(f"/feedstocks/{second.id}", json={"spec": "a/OLD"})
    assert response.status_code == 409
    assert response.json["detail"] == f"feedstock {first.id} already has the former name 'a/OLD'."
    assert writer.get(f"/feedstocks/{second.id}").json["spec"] == "a/b"


def test_a_name_that_another_program_gave_again_leads_to_its_last_holder(app, writer):
    first = make_feedstock(app, spec="a/old")
    writer.patch(f"/feedstocks/{first.id}", json={"spec": "a/new"})
    second = make_feedstock(app, spec="a/old")  # the service would not create it
    writer.patch(f"/feedstocks/{second.id}", json={"spec": "a/other"})
    assert aliases(app) == {("a/old", second.id)}


def test_deleting_a_feedstock_deletes_its_former_names(app, writer):
    feedstock = make_feedstock(app, spec="a/old")
    writer.patch(f"/feedstocks/{feedstock.id}", json={"spec": "a/new"})
    assert writer.delete(f"/feedstocks/{feedstock.id}").status_code == 200
    assert aliases(app) == set()
    assert writer.post("/feedstocks/", json={"spec": "a/old"}).status_code == 201


@pytest.mark.parametrize("name", [COMPOSED, DECOMPOSED, f" {COMPOSED}", f"{DECOMPOSED}\u00a0\n"])
def test_names_of_bakeries_that_look_alike_are_the_same(writer, name):
    first = writer.post("/bakeries/", json={"region": "r", "name": COMPOSED, "description": ""}).json
    again = writer.post("/bakeries/", json={"region": "r ", "name": name, "description": ""})
    assert (again.status_code, again.json) == (200, first)
    assert ids(writer, "/bakeries/", name=name) == [first["id"]]


def test_a_recipe_id_is_stored_and_found_in_its_normal_form(app, writer):
    run = writer.post("/recipe_runs/", json=run_body(app, recipe_id=f" {DECOMPOSED}")).json
    assert run["recipe_id"] == COMPOSED
    for name in (COMPOSED, DECOMPOSED, f"{COMPOSED} "):
        assert ids(writer, "/recipe_runs/", recipe_id=name) == [run["id"]]


@pytest.mark.parametrize("q", [COMPOSED.upper(), DECOMPOSED[:4]])
def test_a_search_does_not_regard_the_form_of_unicode(app, client, q):
    published = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://a.org/b.zarr"}
    runs = [make_run(app, recipe_id=name, **published).id for name in (COMPOSED, DECOMPOSED)]
    assert ids(client, "/recipe_runs/", q=q) == runs
    assert ids(client, "/datasets/", q=q) == runs[::-1]


@pytest.mark.parametrize(
    ("resource", "field"), [("bakeries", "name"), ("bakeries", "region"), ("recipe_runs", "recipe_id")]
)
def test_a_name_of_white_space_is_422(app, writer, resource, field):
    body = (bakery_body if resource == "bakeries" else run_body)(app, **{field: " \u00a0\n"})
    assert writer.post(f"/{resource}/", json=body).json["detail"] == f"{field}: Length must be between 1 and 255."


BAKERY = {"region": "r", "name": "n", "description": ""}


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [("/bakeries/", BAKERY, BAKERY | {"name": "m"}), ("/feedstocks/", {"spec": "a/b"}, {"spec": "a/c"})],
)
def test_a_repeated_creation_uses_up_no_id(writer, path, body, other):
    first, *_ = (writer.post(path, json=body).json["id"] for _ in range(3))
    assert writer.post(path, json=other).json["id"] == first + 1


def test_a_bakery_keeps_its_name_if_a_patch_has_another_form_of_it(app, writer):
    bakery = make_bakery(app, name=COMPOSED)
    assert writer.patch(f"/bakeries/{bakery.id}", json={"name": f"{DECOMPOSED} "}).json["name"] == COMPOSED
