"""`flask feedstocks merge`: two feedstocks become one, before and after the upgrade that requires it."""

import re
from functools import partial

import pytest

from app.services import run_counts
from tests.support.databases import BAKERY, FEEDSTOCK, RUN, application, sql, upgrade
from tests.support.factories import (
    STARTED_AT,
    make_check,
    make_description,
    make_feedstock,
    make_link,
    make_metadata,
    make_run,
    make_thumbnail,
)

BEFORE = ["6197f9c7aff6", "0499cef6b57a", "0009_indexes", "0013_run_counts", "0017_readable_times"]
COLLISION = "feedstock 1 (Pangeo-Forge/gpcp-feedstock) and 2 (pangeo-forge/gpcp-feedstock). Merge feedstocks with"
PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://a.org/b.zarr"}
UPPER = FEEDSTOCK.replace("pangeo-forge", "Pangeo-Forge")


def merge(app, *ids):
    result = app.test_cli_runner().invoke(args=["feedstocks", "merge", *map(str, ids)])
    return result.exit_code, result.output


@pytest.fixture
def empty_app(empty_url):
    """An application on an empty database."""
    with application(empty_url) as app:
        yield app


@pytest.fixture
def two(app):
    """Two feedstocks; the second has three runs, one of them a dataset."""
    kept, deleted = make_feedstock(app, spec="a/kept"), make_feedstock(app, spec="b/gone")
    make_run(app, feedstock_id=kept.id)
    for columns in ({}, {}, PUBLISHED):
        make_run(app, feedstock_id=deleted.id, **columns)
    return kept.id, deleted.id


def test_merge_moves_the_runs_and_their_counts(app, client, two):
    kept, deleted = two
    sentence = f"Merged feedstock {deleted} (b/gone) into feedstock {kept} (a/kept): moved 3 runs.\n"
    assert merge(app, kept, deleted) == (0, sentence)
    assert len(client.get(f"/feedstocks/{kept}").json["recipe_runs"]) == 4
    counted = client.get(f"/recipe_runs/?feedstock_id={kept}&count=true&limit=0").headers["X-Total-Count"]
    assert counted == "4"
    assert client.get(f"/feedstocks/{deleted}").status_code == 404
    with app.app_context():
        assert run_counts.recount() == 0


def test_merge_is_in_the_history_of_each_run_it_moves(app, client, two):
    kept, deleted = two
    merge(app, kept, deleted)
    for run in client.get(f"/feedstocks/{kept}").json["recipe_runs"][1:]:
        (event,) = client.get(f"/recipe_runs/{run['id']}/events").json
        assert (event["actor"], event["from"], event["to"]) == (
            *("system", {"feedstock_id": deleted}),
            {"feedstock_id": kept},
        )
        assert event["reason"] == f"Feedstock {deleted} (b/gone) was merged into feedstock {kept} (a/kept)."
        assert run["updated_at"] == event["at"]


def test_merge_is_in_the_audit_log_of_both_feedstocks(app, admin, two):
    kept, deleted = two
    merge(app, kept, deleted)
    entries = admin.get("/audit").json
    details = {"kept": kept, "deleted": deleted, "spec": "b/gone", "recipe_runs": 3}
    assert [(entry["resource_id"], entry["actor"], entry["action"]) for entry in entries] == [
        (number, "system", "merge") for number in two
    ]
    assert [entry["details"] for entry in entries] == [details] * 2


def test_the_names_of_the_merged_feedstock_lead_to_the_other(app, writer, two):
    kept, deleted = two
    writer.patch(f"/feedstocks/{deleted}", json={"spec": "b/renamed"})
    merge(app, kept, deleted)
    for name in ("a/kept", "b/gone", "b/renamed"):
        assert [feedstock["id"] for feedstock in writer.get(f"/feedstocks/?spec={name}").json] == [kept]
        assert writer.post("/feedstocks/", json={"spec": name}).json["id"] == kept


def test_ids_of_datasets_that_were_merged_twice_lead_to_the_dataset_that_now_is(app, client):
    feedstocks = [make_feedstock(app).id for _ in range(3)]
    runs = [make_run(app, feedstock_id=number, **PUBLISHED).id for number in feedstocks]
    first, second, last = feedstocks
    assert merge(app, first, second)[0] == merge(app, last, first)[0] == 0
    for number in runs:
        found = client.get(f"/datasets/{number}").json
        assert (found["id"], found["build_count"], len(found["builds"])) == (runs[2], 3, 3)
        assert client.get(f"/stac/collections/{number}").json["id"] == str(runs[2])


@pytest.mark.parametrize(("newer", "described"), [(True, "B"), (False, "A")])
def test_the_description_of_the_newest_build_stays_when_datasets_are_merged(app, client, newer, described):
    kept, deleted = (make_feedstock(app).id for _ in range(2))
    build = partial(make_run, app, **PUBLISHED)
    runs = [build(feedstock_id=number).id for number in ((kept, deleted) if newer else (deleted, kept))]
    first, second = runs if newer else runs[::-1]
    for number, name in ((first, "A"), (second, "B")):
        make_description(app, id=number, variables={name: {"dimensions": [], "shape": []}})
    assert client.get("/datasets/?variable=B").json != []
    assert merge(app, kept, deleted)[0] == 0
    for number in (first, second):
        assert list(client.get(f"/datasets/{number}/description").json["variables"]) == [described]
    assert [dataset["id"] for dataset in client.get(f"/datasets/?variable={described}").json] == [first]


@pytest.mark.parametrize("newer", [True, False])
@pytest.mark.parametrize("described", ["kept", "deleted"])
def test_the_only_description_stays_when_datasets_are_merged(app, client, described, newer):
    kept, deleted = (make_feedstock(app).id for _ in range(2))
    runs = [make_run(app, feedstock_id=id, **PUBLISHED).id for id in ((kept, deleted) if newer else (deleted, kept))]
    first, second = runs if newer else runs[::-1]
    number = first if described == "kept" else second
    make_description(app, id=number, variables={"sst": {"dimensions": [], "shape": []}})
    make_thumbnail(app, dataset_id=number)
    assert [dataset["id"] for dataset in client.get("/datasets/?variable=sst").json] == [number]
    assert merge(app, kept, deleted)[0] == 0
    assert list(client.get(f"/datasets/{first}/description").json["variables"]) == ["sst"]
    assert client.get(f"/datasets/{first}/thumbnail.png").status_code == 200
    assert [dataset["id"] for dataset in client.get("/datasets/?variable=sst").json] == [first]


@pytest.mark.parametrize("built", [True, False])
def test_a_listed_link_stays_when_it_is_merged_into_a_dataset_that_was_withdrawn(app, client, built):
    kept, deleted = (make_feedstock(app).id for _ in range(2))
    if built:
        first = make_run(app, feedstock_id=kept, **{"recipe_id": "example", "dataset_type": "zarr"} | PUBLISHED).id
        sql(app, f"DELETE FROM reciperun WHERE id = {first}")
    else:
        first = make_link(app, feedstock_id=kept, withdrawn_at=STARTED_AT).id
    link = make_link(app, feedstock_id=deleted, url="https://data.org/live", title="Live")
    for number, name in ((first, "A"), (link.id, "B")):
        make_description(app, id=number, variables={name: {"dimensions": [], "shape": []}})
    assert merge(app, kept, deleted)[0] == 0
    (listed,) = client.get("/datasets/").json
    assert (listed["id"], listed["url"], listed["title"]) == (first, "https://data.org/live", "Live")
    assert listed["variables"] == ["B"]
    assert client.get(f"/datasets/{first}/events?sort=desc").json[0]["url"] == "https://data.org/live"
    assert client.get(f"/datasets/{link.id}").json["id"] == first


def test_a_dataset_gets_the_title_of_the_one_that_is_merged_into_it_if_it_has_none(app, client):
    kept, deleted = (make_feedstock(app).id for _ in range(2))
    link = make_link(app, feedstock_id=kept, title="Kept")
    other = make_link(app, feedstock_id=deleted, title="Merged", description="Daily.")
    exit_code, output = merge(app, kept, deleted)
    sentence = (
        f"The kept feedstock had the same dataset as the link {other.id}, which is not listed any more: {other.url}"
    )
    assert (exit_code, output.splitlines()[1]) == (0, sentence)
    dataset = client.get(f"/datasets/{link.id}").json
    assert (dataset["title"], dataset["description"], dataset["url"]) == ("Kept", "Daily.", link.url)


def test_a_link_keeps_its_description_when_links_are_merged(app, client):
    kept, deleted = (make_feedstock(app).id for _ in range(2))
    links = [make_link(app, feedstock_id=number, url=f"https://data.org/{number}") for number in (kept, deleted)]
    for link, name in zip(links, "AB", strict=True):
        make_description(app, id=link.id, variables={name: {"dimensions": [], "shape": []}})
    assert merge(app, kept, deleted)[0] == 0
    assert client.get(f"/datasets/{links[1].id}").json["url"] == f"https://data.org/{kept}"
    assert list(client.get(f"/datasets/{links[1].id}/description").json["variables"]) == ["A"]


@pytest.mark.parametrize(("verdicts", "stays"), [((True, None), True), ((None, False), False), ((True, False), False)])
def test_the_verdict_on_the_newest_build_stays_or_the_only_one_when_datasets_are_merged(app, client, verdicts, stays):
    kept, deleted = (make_feedstock(app).id for _ in range(2))
    datasets = [make_run(app, feedstock_id=number, **PUBLISHED).id for number in (kept, deleted)]
    for number, healthy in zip(datasets, verdicts, strict=True):
        claimed = f"INSERT INTO dataset_health (dataset_id, claimed_until) VALUES ({number}, '2022-01-01')"
        sql(app, claimed)
        if healthy is not None:
            make_check(app, dataset_id=number, healthy=healthy)
            sql(
                app,
                f"UPDATE dataset_health SET checked_at = '2022-01-01', healthy = {healthy} WHERE dataset_id = {number}",
            )
    assert merge(app, kept, deleted)[0] == 0
    assert client.get(f"/datasets/{datasets[0]}").json["healthy"] is stays
    assert client.get(f"/datasets/{datasets[0]}/checks?sort=desc").json[0]["healthy"] is stays


@pytest.mark.parametrize(("described", "title"), [("both", "A"), ("kept", "A"), ("gone", "B"), ("none", None)])
def test_the_kept_feedstock_keeps_its_metadata_or_gets_those_of_the_other(app, client, two, described, title):
    for number, name, own in zip(two, ("kept", "gone"), ("A", "B"), strict=True):
        if described in (name, "both"):
            make_metadata(app, feedstock_id=number, title=own, keywords=["ocean"])
    assert merge(app, *two)[0] == 0
    answer = client.get(f"/feedstocks/{two[0]}/metadata")
    assert (answer.json["title"] if answer.status_code == 200 else None) == title


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        (("kept", 99999), "feedstock 99999 not found"),
        ((99999, "kept"), "feedstock 99999 not found"),
        (("kept", "kept"), "feedstock [0-9]+ cannot be merged into itself."),
    ],
)
def test_merge_of_what_cannot_be_merged_changes_nothing(app, client, two, ids, sentence):
    before = client.get("/recipe_runs/").json
    code, output = merge(app, *(two[0] if number == "kept" else number for number in ids))
    assert code == 1
    assert re.fullmatch(f"Error: {sentence}\n", output)
    assert client.get("/recipe_runs/").json == before


def test_merge_without_feedstocks_prints_a_sentence(empty_app):
    assert merge(empty_app, 1, 2) == (1, "Error: The database has no feedstocks.\n")


@pytest.mark.parametrize("revision", BEFORE)
def test_merge_lets_an_upgrade_continue_that_two_feedstocks_have_stopped(empty_app, caplog, revision):
    upgrade(empty_app, revision)
    run = RUN if revision != BEFORE[0] else RUN.replace(", is_test", "").replace(", false", "")
    for statement in (UPPER.format("gpcp"), FEEDSTOCK.format("gpcp"), BAKERY.format("ldeo"), run):
        sql(empty_app, statement)
    with pytest.raises(SystemExit):
        upgrade(empty_app)
    assert COLLISION in caplog.messages[-1]
    assert merge(empty_app, 2, 1)[0] == 0
    upgrade(empty_app)
    assert sql(empty_app, "SELECT feedstock_id FROM reciperun") == [(2,)]


def test_merge_before_the_upgrade_refuses_to_lose_a_name(empty_app):
    upgrade(empty_app, "0017_readable_times")
    for name in ("gpcp", "other"):
        sql(empty_app, FEEDSTOCK.format(name))
    code, output = merge(empty_app, 1, 2)
    assert code == 1
    assert "'pangeo-forge/other-feedstock' are different repositories. Upgrade the database first" in output
    assert sql(empty_app, "SELECT count(*) FROM feedstock") == [(2,)]
