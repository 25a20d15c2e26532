"""Failures: the field of runs, its filter, and the statistics."""

import pytest

from app.extensions import db
from app.models import RecipeRun
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock, make_run, run_body

TRACE = 'Traceback (most recent call last):\n  File "/f/recipe.py", line 9, in <module>\nMemoryError'
FAILED = {"status": "completed", "conclusion": "failure", "completed_at": STARTED_AT}
MEMORY = {
    "class": "out_of_memory",
    "cause": "A worker needed more memory than it has.",
    "next_step": "Choose smaller target_chunks, or larger workers in the configuration of the bakery.",
    "who": "contributor",
    "rule": "memory",
    "evidence": "MemoryError",
    "line": "recipe.py:9",
}


def failure_of(client, run):
    number = run["id"] if isinstance(run, dict) else run.id
    found = client.get(f"/recipe_runs/{number}").json["failure"]
    assert client.get("/recipe_runs/?limit=1000").json[-1]["failure"] == found
    return found


def test_a_run_that_has_not_failed_has_no_failure(app, client):
    assert failure_of(client, make_run(app)) is None


def test_a_run_is_explained_when_it_fails(app, client, writer):
    run = make_run(app)
    answer = writer.patch(f"/recipe_runs/{run.id}", json={"conclusion": "failure", "message": TRACE}).json
    assert answer["failure"] == MEMORY == failure_of(client, run)


def test_a_run_that_is_created_as_failed_is_explained(app, client, writer):
    body = run_body(app, conclusion="failure", message=TRACE)
    created = writer.post("/recipe_runs/", json=body).json
    assert created["failure"] == MEMORY == failure_of(client, created)


def test_each_run_of_a_bulk_is_explained(app, writer):
    bodies = [run_body(app, conclusion="failure", message=TRACE), run_body(app)]
    runs = writer.post("/recipe_runs/bulk", json={"recipe_runs": bodies}).json["recipe_runs"]
    assert [run["failure"] for run in runs] == [MEMORY, None]


def test_a_later_message_explains_the_failure(app, client, writer):
    run = writer.post("/recipe_runs/", json=run_body(app, conclusion="failure")).json
    assert failure_of(client, run)["class"] == "unknown"
    writer.patch(f"/recipe_runs/{run['id']}", json={"message": TRACE})
    assert failure_of(client, run) == MEMORY


def test_a_log_explains_the_failure_before_and_after_the_end(app, client, writer):
    before, after = make_run(app, is_test=True), make_run(app, is_test=True)
    for run in (before, after):
        steps = [
            lambda number=run.id: writer.post(f"/recipe_runs/{number}/logs", data=TRACE, content_type="text/plain"),
            lambda number=run.id: writer.patch(f"/recipe_runs/{number}", json={"conclusion": "failure"}),
        ]
        for step in steps if run is before else reversed(steps):
            assert step().status_code == 200
        assert client.get(f"/recipe_runs/{run.id}").json["failure"] == MEMORY


def test_a_line_of_a_private_log_is_not_shown(app, client, writer):
    run = make_run(app, is_test=False)
    writer.post(f"/recipe_runs/{run.id}/logs", data=TRACE, content_type="text/plain")
    writer.patch(f"/recipe_runs/{run.id}", json={"conclusion": "failure"})
    assert failure_of(client, run) == MEMORY | {"evidence": None}
    writer.patch(f"/recipe_runs/{run.id}", json={"is_test": True})
    assert failure_of(client, run) == MEMORY


def test_a_corrected_conclusion_has_no_failure(app, client, writer):
    run = writer.post("/recipe_runs/", json=run_body(app, conclusion="failure", message=TRACE)).json
    writer.patch(f"/recipe_runs/{run['id']}", json={"conclusion": "success"})
    assert failure_of(client, run) is None
    assert client.get("/recipe_runs/?failure_class=out_of_memory").json == []


def test_the_history_has_no_failure(app, client, writer):
    run = make_run(app)
    writer.patch(f"/recipe_runs/{run.id}", json={"conclusion": "failure", "message": TRACE})
    [event] = client.get(f"/recipe_runs/{run.id}/events").json
    assert "failure" not in event["to"]


def test_a_client_cannot_write_the_failure(app, writer):
    response = writer.post("/recipe_runs/", json=run_body(app, failure=None))
    assert response.json["errors"][0]["pointer"] == "/failure"


def test_runs_can_be_filtered_by_class(app, client, writer):
    texts = {"out_of_memory": TRACE, "sources_do_not_fit": "Found overlapping keys in concat_dim", "unknown": None}
    runs = {
        name: writer.post("/recipe_runs/", json=run_body(app, conclusion="failure", message=text)).json["id"]
        for name, text in texts.items()
    }
    for query in ("out_of_memory", "unknown", "sources_do_not_fit,out_of_memory"):
        found = client.get(f"/recipe_runs/?failure_class={query}").json
        assert [run["id"] for run in found] == sorted(runs[name] for name in query.split(","))
    assert client.get("/recipe_runs/?failure_class=nope").status_code == 422


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpcp", ["gpcp"]),
        ("GPCP", ["gpcp"]),
        ("overlapping keys", ["a"]),
        ("OVERLAPPING", ["a"]),
        ("100%25", ["b"]),
        ("100_", []),
        ("a%5Cb", ["b"]),
        ("nothing", []),
    ],
)
def test_q_finds_recipe_ids_and_messages(app, client, text, expected):
    make_run(app, recipe_id="gpcp")
    make_run(app, recipe_id="a", message="ValueError: Found overlapping keys in concat_dim")
    make_run(app, recipe_id="b", message="100% of a\\b")
    response = client.get(f"/recipe_runs/?q={text}&count=true")
    assert [run["recipe_id"] for run in response.json] == expected
    assert response.headers["X-Total-Count"] == str(len(expected))


def store(app, failure_class, number=1, **columns):
    for _ in range(number):
        make_run(app, **FAILED, failure_class=failure_class, failure={"class": failure_class}, **columns)


def test_statistics_count_classes_feedstocks_and_bakeries(app, client):
    bakery, feedstock, other = make_bakery(app, name="ldeo"), make_feedstock(app, spec="a/b"), make_feedstock(app)
    store(app, "unknown", 2, bakery_id=bakery.id, feedstock_id=feedstock.id)
    store(app, "out_of_memory", 1, bakery_id=bakery.id, feedstock_id=feedstock.id)
    store(app, "unknown", 1, bakery_id=bakery.id, feedstock_id=other.id)
    make_run(app, bakery_id=bakery.id)
    body = client.get("/stats/failures").json
    assert list(body) == ["count", "classes", "feedstocks", "bakeries"]
    assert body["count"] == 4
    assert [(item["class"], item["count"]) for item in body["classes"]] == [("unknown", 3), ("out_of_memory", 1)]
    classes = {"unknown": 2, "out_of_memory": 1}
    assert body["feedstocks"][0] == {"feedstock_id": feedstock.id, "feedstock": "a/b", "count": 3, "classes": classes}
    expected = {"bakery_id": bakery.id, "bakery": "ldeo", "count": 4, "classes": {"unknown": 3, "out_of_memory": 1}}
    assert body["bakeries"] == [expected]


def test_statistics_are_empty_without_failures(client):
    assert client.get("/stats/failures").json == {"count": 0, "classes": [], "feedstocks": [], "bakeries": []}


def test_statistics_have_twenty_feedstocks(app, client):
    for _ in range(21):
        store(app, "unknown")
    body = client.get("/stats/failures").json
    assert (body["count"], len(body["feedstocks"]), len(body["bakeries"])) == (21, 20, 20)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 3),
        ("?type=production", 2),
        ("?type=test", 1),
        ("?is_test=true", 1),
        ("?since=2022-03-04", 0),
        ("?until=2022-03-04", 3),
        ("?feedstock_id=999", 0),
    ],
)
def test_statistics_can_be_filtered(app, client, query, count):
    store(app, "unknown", 2, is_test=False)
    store(app, "unknown", 1, is_test=True)
    assert client.get(f"/stats/failures{query}").json["count"] == count


def test_statistics_of_one_feedstock(app, client):
    feedstock = make_feedstock(app)
    store(app, "unknown", 2, feedstock_id=feedstock.id)
    store(app, "unknown")
    assert client.get(f"/stats/failures?feedstock_id={feedstock.id}").json["count"] == 2


def explain(app, *options):
    result = app.test_cli_runner().invoke(args=["runs", "explain", *options])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_explains_the_runs_of_earlier_releases(app, client):
    run = make_run(app, **FAILED, message=TRACE)
    make_run(app, **FAILED)
    make_run(app)
    assert client.get(f"/recipe_runs/{run.id}").json["failure"] is None
    lines = explain(app).splitlines()
    assert [line.split() for line in lines[-3:]] == [["out_of_memory", "1"], ["unknown", "1"], ["total", "2"]]
    assert client.get(f"/recipe_runs/{run.id}").json["failure"] == MEMORY
    assert explain(app).splitlines()[-1].split() == ["total", "0"]


def test_the_command_explains_all_runs_again(app, client):
    store(app, "lost", message=TRACE)
    run = make_run(app, status="completed", conclusion="success", failure_class="lost", failure={"class": "lost"})
    explain(app)
    assert client.get("/stats/failures").json["classes"][0]["class"] == "lost"
    explain(app, "--all")
    assert [item["class"] for item in client.get("/stats/failures").json["classes"]] == ["out_of_memory"]
    with app.app_context():
        assert db.session.get_one(RecipeRun, run.id).failure is None


def test_the_script_of_a_run_is_public(app, client):
    run = make_run(app, feedstock_id=make_feedstock(app, spec="pangeo-forge/gpcp-feedstock").id, recipe_id="gpcp")
    response = client.get(f"/recipe_runs/{run.id}/reproduce")
    assert (response.status_code, response.mimetype) == (200, "text/x-shellscript")
    assert response.headers["Content-Disposition"] == f'attachment; filename="reproduce-run-{run.id}.sh"'
    text = response.get_data(as_text=True)
    assert "https://github.com/pangeo-forge/gpcp-feedstock" in text
    assert "35d889f7c89e9f0d72353a0649ed1cd8da04826b" in text
    assert client.get("/recipe_runs/99/reproduce").status_code == 404
