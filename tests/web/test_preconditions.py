from collections import Counter
from functools import partial

import pytest

from tests.support.apps import ADMIN_KEY
from tests.support.databases import application, on_sqlite
from tests.support.factories import make_bakery, make_feedstock, make_run
from tests.support.threads import at_once

PATHS = ["/bakeries/", "/bakeries/{bakery_id}", "/feedstocks/", "/feedstocks/{feedstock_id}", "/recipe_runs/"]
PATHS += ["/", "/healthz", "/readyz", "/docs", "/openapi.json"]
PATHS += ["/recipe_runs/{id}", "/recipe_runs/{id}/events", "/feedstocks/{feedstock_id}/datasets", "/stats/recipe_runs"]


@pytest.fixture(scope="module")
def reader(module_app):
    """A client of a service with a run, for tests that only read."""
    return module_app.test_client()


@pytest.fixture(scope="module")
def run(module_app):
    return make_run(module_app)


@pytest.fixture(params=PATHS)
def path(run, request):
    """A path that answers GET."""
    return request.param.format(id=run.id, bakery_id=run.bakery_id, feedstock_id=run.feedstock_id)


def test_every_get_has_a_strong_etag_that_stays_the_same(reader, path):
    first, again = reader.get(path), reader.get(path)
    etag, weak = first.get_etag()
    assert (bool(etag), weak) == (True, False)
    assert again.get_etag() == first.get_etag()
    assert first.headers["Cache-Control"] == "no-cache"


@on_sqlite
@pytest.mark.parametrize("condition", ["{etag}", "W/{etag}", '"other", {etag}', '"a",W/"b" , W/{etag}', "*"])
def test_get_with_the_current_etag_is_304_without_a_body(reader, path, condition):
    etag = reader.get(path).headers["ETag"]
    for method in ("GET", "HEAD"):
        response = reader.open(path, method=method, headers={"If-None-Match": condition.format(etag=etag)})
        assert (response.status_code, response.data, response.headers["ETag"]) == (304, b"", etag)
        assert response.headers["Access-Control-Allow-Origin"] == "*"


@on_sqlite
@pytest.mark.parametrize("condition", ['"other"', 'W/"other"', "other", ""])
def test_get_with_another_etag_is_200(reader, path, condition):
    assert reader.get(path, headers={"If-None-Match": condition}).status_code == 200


def test_a_change_changes_the_etag_of_a_run_and_of_its_parents(app, writer):
    run = make_run(app)
    paths = [f"/recipe_runs/{run.id}", f"/bakeries/{run.bakery_id}", f"/feedstocks/{run.feedstock_id}", "/recipe_runs/"]
    before = [writer.get(path).headers["ETag"] for path in paths]
    writer.patch(paths[0], json={"status": "in_progress"})
    assert not set(before) & {writer.get(path).headers["ETag"] for path in paths}


def test_an_error_has_no_etag_and_is_not_cached(client):
    response = client.get("/bakeries/99")
    assert ("ETag" in response.headers, response.headers["Cache-Control"]) == (False, "no-store")


def test_if_match_of_a_get_is_ignored(reader, path):
    assert reader.get(path, headers={"If-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("noun", ["bakeries", "feedstocks", "recipe_runs"])
def test_a_write_with_another_etag_is_412_and_changes_nothing(app, writer, noun, method):
    record = {"bakeries": make_bakery, "feedstocks": make_feedstock, "recipe_runs": make_run}[noun](app)
    before = writer.get(f"/{noun}/{record.id}")
    body = {} if method == "DELETE" else {"json": {"recipe_runs": {"version": "2"}}.get(noun, {})}
    for etag in ('"other"', "W/" + before.headers["ETag"], ""):
        response = writer.open(f"/{noun}/{record.id}", method=method, headers={"If-Match": etag}, **body)
        assert response.status_code == 412
        assert response.json["detail"].endswith("does not match If-Match; get it again.")
    assert writer.get(f"/{noun}/{record.id}").data == before.data


@pytest.mark.parametrize("condition", ["{etag}", '"other", {etag}', "*"])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_write_with_the_current_etag_succeeds(app, writer, method, condition):
    path = f"/recipe_runs/{make_run(app).id}"
    headers = {"If-Match": condition.format(etag=writer.get(path).headers["ETag"])}
    body = {"json": {"version": "2"}} if method == "PATCH" else {}
    assert writer.open(path, method=method, headers=headers, **body).status_code == 200


def test_a_write_to_a_missing_record_is_404_with_any_if_match(writer):
    assert writer.patch("/recipe_runs/99", json={}, headers={"If-Match": "*"}).status_code == 404


def race(app, etag, path, writers):
    """Send `writers` concurrent PATCH requests with the same ETag, and count their statuses."""

    def write(number):
        headers = {"X-API-Key": ADMIN_KEY, "If-Match": etag}
        return app.test_client().patch(path, json={"message": f"{etag} {number}"}, headers=headers).status_code

    return Counter(at_once(*(partial(write, number) for number in range(writers))))


def rounds_of_eight_writers(url, options, rounds):
    """Let eight writers with the current ETag compete, `rounds` times. Count the outcomes of the rounds."""
    with application(url, options, WEB_CONNECTIONS="8") as app:
        path = f"/recipe_runs/{make_run(app).id}"
        outcomes = Counter()
        for _ in range(rounds):
            outcomes[tuple(sorted(race(app, app.test_client().get(path).headers["ETag"], path, 8).items()))] += 1
    return outcomes


def test_one_of_eight_writers_with_the_same_etag_is_served(migrated_url, long_timeouts):
    assert rounds_of_eight_writers(migrated_url, long_timeouts(migrated_url), 25) == {((200, 1), (412, 7)): 25}
