import pytest

from config import MAX_BODY, MAX_BULK_BODY
from tests.support.factories import make_run, run_body
from tests.support.sent import statements
from tests.support.unknown import unknown


@pytest.fixture
def body(app):
    """The body that creates one run."""
    return run_body(app)


def post(client, runs, **options):
    return client.post("/recipe_runs/bulk", json={"recipe_runs": runs}, **options)


def errors_of(response):
    assert response.status_code == 422, response.json
    return {error["pointer"]: error["detail"] for error in response.json["errors"]}


def test_runs_are_created_in_the_order_given(writer, body):
    response = post(writer, [body | {"recipe_id": name} for name in "cab"])
    assert response.status_code == 201
    runs = response.json["recipe_runs"]
    assert [run["recipe_id"] for run in runs] == ["c", "a", "b"]
    assert runs == writer.get("/recipe_runs/").json
    assert [run["id"] for run in runs] == sorted(run["id"] for run in runs)


def test_each_run_follows_the_rules_of_a_single_creation(writer, body):
    ended = body | {"conclusion": "success", "completed_at": "2022-03-03T05:00:00+02:00"}
    queued, completed = post(writer, [body, ended]).json["recipe_runs"]
    assert (queued["status"], completed["status"]) == ("queued", "completed")
    assert completed["completed_at"] == "2022-03-03T03:00:00Z"
    assert completed["created_at"] is not None


def test_each_run_gets_its_first_event(writer, body):
    for run in post(writer, [body, body | {"status": "in_progress"}]).json["recipe_runs"]:
        (created,) = writer.get(f"/recipe_runs/{run['id']}/events").json
        assert (created["from"], created["to"]) == (None, {"status": run["status"]})


def test_a_thousand_runs_are_created_a_hundred_at_a_time(app, writer, body):
    with statements() as sent:
        response = post(writer, [body | {"recipe_id": f"recipe-{number}"} for number in range(1000)])
    assert [run["recipe_id"] for run in response.json["recipe_runs"]] == [f"recipe-{number}" for number in range(1000)]
    # RETURNING of SQLite guarantees no order, so SQLAlchemy inserts each row separately. SQLite is in the same process.
    by_row = app.config["SQLALCHEMY_DATABASE_URI"].get_backend_name() == "sqlite"
    # The statements insert runs, events and entries of the audit log.
    assert len(sent) <= (3 * 1000 if by_row else 3 * 10) + 6


@pytest.mark.parametrize(("count", "status"), [(0, 422), (1, 201), (1000, 201), (1001, 422)])
def test_a_bulk_accepts_one_to_a_thousand_runs(writer, body, count, status):
    assert post(writer, [body] * count).status_code == status


def test_the_length_of_the_list_is_checked_before_its_items(writer):
    assert errors_of(post(writer, [{}] * 1001)) == {
        "/recipe_runs": "recipe_runs: Length must be between 1 and 1000.",
    }


def test_errors_name_the_index_of_the_run(writer, body):
    bad = body | {"started_at": "yesterday", "a/b": 1}
    assert errors_of(post(writer, [body, bad, 5])) == {
        "/recipe_runs/1/started_at": "recipe_runs/1: started_at: "
        "Must be an RFC 3339 timestamp, such as 2022-03-03T02:29:54Z.",
        "/recipe_runs/1/a~1b": "recipe_runs/1: " + unknown("a/b"),
        "/recipe_runs/2": "recipe_runs/2 must be a JSON object.",
    }


def test_one_answer_lists_the_errors_of_all_runs(writer, body):
    early = body | {"completed_at": "2022-03-03T03:00:00Z"}
    lost = body | {"bakery_id": 999999, "rerun_of": 888888}
    assert errors_of(post(writer, [body, early, lost, early | {"feedstock_id": 777777}])) == {
        "/recipe_runs/1/completed_at": "recipe_runs/1: completed_at: "
        "Only a completed run can have this field, and the run would be queued.",
        "/recipe_runs/2/bakery_id": "recipe_runs/2: bakery 999999 not found",
        "/recipe_runs/2/rerun_of": "recipe_runs/2: recipe run 888888 not found",
        "/recipe_runs/3/completed_at": "recipe_runs/3: completed_at: "
        "Only a completed run can have this field, and the run would be queued.",
        "/recipe_runs/3/feedstock_id": "recipe_runs/3: feedstock 777777 not found",
    }


@pytest.mark.parametrize("fault", [{"bakery_id": 999999}, {"conclusion": "stale"}, {"version": None}])
def test_one_invalid_run_prevents_the_creation_of_all(writer, body, fault):
    (pointer,) = errors_of(post(writer, [*[body] * 20, body | fault]))
    assert pointer.startswith("/recipe_runs/20/")
    assert writer.get("/stats/recipe_runs").json == {"count": 0}


def test_a_thousand_missing_parents_are_found_with_few_statements(writer, body):
    with statements() as sent:
        errors = errors_of(post(writer, [body | {"bakery_id": 900000 + number} for number in range(1000)]))
    assert list(errors)[999] == "/recipe_runs/999/bakery_id"
    assert len(sent) <= 16


def test_the_detail_of_many_errors_is_short(writer, body):
    response = post(writer, [body | {"bakery_id": 999999}] * 12)
    assert response.json["detail"].endswith("recipe_runs/9: bakery 999999 not found And 2 more.")
    assert len(response.json["errors"]) == 12


def test_a_rerun_names_the_run_it_repeats(app, writer, body):
    first = make_run(app)
    (run,) = post(writer, [body | {"rerun_of": first.id}]).json["recipe_runs"]
    assert run["rerun_of"] == first.id


def test_a_repeated_request_with_an_idempotency_key_creates_the_runs_once(writer, body):
    first, again = (post(writer, [body, body], headers={"Idempotency-Key": "bulk-1"}) for _ in range(2))
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert writer.get("/stats/recipe_runs").json == {"count": 2}


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "large"}])
@pytest.mark.parametrize(("size", "status"), [(2 * MAX_BODY, 201), (MAX_BULK_BODY, 413)])
def test_a_bulk_accepts_a_body_of_eight_mebibytes(writer, body, headers, size, status):
    runs = [body | {"message": "m" * 99_000}] * (size // 99_000 + 1)
    assert post(writer, runs, headers=headers).status_code == status


def test_other_routes_refuse_a_body_of_eight_mebibytes(writer, body):
    assert writer.post("/recipe_runs/", json=body | {"message": "m" * MAX_BODY}).status_code == 413


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_path_works_with_and_without_the_slash(writer, body, slash):
    assert writer.post(f"/recipe_runs/bulk{slash}", json={"recipe_runs": [body]}).status_code == 201


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/recipe_runs/bulk", "/recipe_runs/bulk/"])
def test_other_methods_are_405_with_the_allowed_ones(writer, path, method):
    response = writer.open(path, method=method)
    assert response.status_code == 405
    assert set(response.allow) == {"OPTIONS", "POST"}


def test_a_bulk_requires_a_key(client):
    assert post(client, []).status_code == 403


def test_too_many_fields_are_refused_before_they_are_checked(app, writer):
    crowd = {f"member-{number}": 0 for number in range(100_000)}
    response = writer.post("/recipe_runs/bulk", json={"recipe_runs": [run_body(app), crowd]})
    assert response.json["errors"] == [
        {
            "in": "body",
            "pointer": "/recipe_runs/1",
            "detail": "recipe_runs/1 has 100000 fields, more than any record has.",
        }
    ]
