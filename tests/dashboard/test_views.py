"""The dashboard without a browser: the text and the links of its pages, and that they load no foreign code."""

import re
from datetime import UTC, datetime
from html import unescape
from urllib.parse import quote, urljoin, urlsplit

import pytest

from app.dashboard import views
from app.database.columns import now
from app.extensions import db
from app.services import examples
from tests.support.databases import HEAD, application
from tests.support.factories import make_bakery, make_event, make_feedstock, make_run

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
LISTS = ["bakeries", "feedstocks", "recipe_runs", "datasets"]
HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}"


@pytest.fixture(scope="module")
def seeded(module_app):
    """A client of a service with the example catalogue, for tests that only read."""
    with module_app.app_context():
        examples.load("salt", now())
        db.session.commit()
    return module_app.test_client()


@pytest.fixture(params=["", *LISTS, *(f"{name}/" for name in LISTS)])
def path(request, seeded):
    """The path of one page of each kind."""
    name, slash, _ = request.param.partition("/")
    number = seeded.get(f"/{name}/?limit=1&sort=desc").json[0]["id"] if slash else ""
    return f"/dashboard/{name}{slash}{number}".removesuffix("/")


def references(text, start):
    """The paths of the links and files of a page on this service, without fragments."""
    found = {urljoin(start, unescape(url)) for url in re.findall(r'(?:href|src)="([^"#]*)"', text)}
    return {url for url in found if not urlsplit(url).netloc}


def calls(text):
    """The API calls that a page shows."""
    return [unescape(path) for path in re.findall(r'class="call" id="[^"]*" href="([^"]*)"', text)]


def ended(app, **columns):
    return make_run(app, status="completed", conclusion="success", **columns)


def test_every_link_of_the_dashboard_works(seeded):
    seen, ahead = set(), {"/dashboard"}
    while ahead:
        path = ahead.pop()
        seen.add(path)
        response = seeded.get(path, buffered=True)
        assert response.status_code in (200, 303), path
        # Filters can be combined in any number, so pages with a filter are visited, but their links not followed.
        if path.startswith("/dashboard") and "text/html" in response.content_type and "?" not in path:
            ahead |= references(response.text, path) - seen
    assert {f"/dashboard/{name}" for name in LISTS} <= seen
    assert len([path for path in seen if re.fullmatch(r"/dashboard/recipe_runs/\d+", path)]) == 15


def test_the_api_calls_that_a_page_shows_work(seeded, path):
    shown = calls(seeded.get(path).text)
    assert shown != []
    assert {seeded.get(call).content_type for call in shown} == {"application/json"}
    assert {seeded.get(call).status_code for call in shown} == {200}


def test_the_api_call_of_a_list_has_the_query_of_the_page(seeded):
    page = seeded.get("/dashboard/recipe_runs?conclusion=failure&sort=asc")
    (call,) = calls(page.text)
    assert call == "/recipe_runs/?limit=25&count=true&order_by=started_at&conclusion=failure&sort=asc"
    shown = re.findall(r'rowheader" scope="row"><a href="([^"]*)"', page.text)
    assert shown == [f"/dashboard/recipe_runs/{run['id']}" for run in seeded.get(call).json] != []


def test_the_links_lead_through_the_pages_of_a_list(app, client):
    bakery, feedstock = make_bakery(app).id, make_feedstock(app).id
    for _ in range(3):
        make_run(app, bakery_id=bakery, feedstock_id=feedstock)
    first = client.get("/dashboard/recipe_runs?limit=2").text
    second = client.get(unescape(re.search(r'href="([^"]*)" rel="next"', first)[1])).text
    assert (first.count("data-news"), second.count("data-news")) == (2, 1)
    assert client.get(unescape(re.search(r'href="([^"]*)" rel="prev"', second)[1])).text.count("data-news") == 2
    assert len(client.get(calls(second)[0]).json) == 1


def test_blank_fields_of_a_form_are_ignored(client):
    response = client.get("/dashboard/recipe_runs?q=&status=queued&conclusion=")
    assert (response.status_code, response.headers["Location"]) == (303, "/dashboard/recipe_runs?status=queued")


def test_a_page_is_the_same_with_a_trailing_slash(seeded):
    assert seeded.get("/dashboard/").text == seeded.get("/dashboard").text


def test_hostile_text_is_shown_as_text(app, client):
    bakery = make_bakery(app, name=HOSTILE, region=HOSTILE, description=HOSTILE)
    feedstock = make_feedstock(app, spec=HOSTILE)
    columns = dict.fromkeys(("recipe_id", "version", "head_sha", "dataset_public_url", "message"), HOSTILE)
    run = ended(app, bakery_id=bakery.id, feedstock_id=feedstock.id, **columns)
    make_event(app, run, actor=HOSTILE, reason=HOSTILE, before={"version": HOSTILE}, after={HOSTILE: HOSTILE})
    own = [f"bakeries/{bakery.id}", f"feedstocks/{feedstock.id}", f"recipe_runs/{run.id}", f"datasets/{run.id}"]
    for path in ["", *LISTS, *own, f"recipe_runs?q={quote(HOSTILE)}"]:
        text = client.get(f"/dashboard/{path}").text
        assert text.count("<script") == text.count('<script src="/dashboard/assets/')
        assert "<script>alert" not in text
        assert HOSTILE in unescape(text)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "s3://bucket/x.zarr", "http://[", "//x.org"]
)
def test_only_addresses_on_the_web_become_links(app, client, url):
    run = ended(app, dataset_public_url=url)
    for path in (f"recipe_runs/{run.id}", f"datasets/{run.id}"):
        text = client.get(f"/dashboard/{path}").text
        assert url in unescape(text)
        assert f'href="{url}' not in unescape(text)


def test_links_have_their_blanks_as_browsers_send_them(app, client):
    bakery = make_bakery(app, log_url="https://logs.org/?q=run AND {external_id}")
    urls = {"external_url": "https://jobs.org/a b", "dataset_public_url": "https://data.org/a b.zarr"}
    run = ended(app, bakery_id=bakery.id, external_id="job-1", **urls)
    text = client.get(f"/dashboard/recipe_runs/{run.id}").text
    for url in ("https://logs.org/?q=run AND job-1", *urls.values()):
        assert f'href="{url.replace(" ", "%20")}"' in text
    assert 'href="https://data.org/a%20b.zarr"' in client.get(f"/dashboard/datasets/{run.id}").text


def test_a_run_links_to_its_commit_and_its_dataset(app, client):
    feedstock = make_feedstock(app, spec="pangeo-forge/gpcp-feedstock")
    run = ended(app, feedstock_id=feedstock.id, dataset_public_url="https://data.org/gpcp.zarr")
    text = client.get(f"/dashboard/recipe_runs/{run.id}").text
    assert f'href="https://github.com/pangeo-forge/gpcp-feedstock/commit/{run.head_sha}"' in text
    assert 'href="https://data.org/gpcp.zarr"' in text
    assert f'href="/dashboard/datasets/{run.id}"' in text


def test_the_trace_in_a_message_is_preformatted(app, client):
    run = make_run(app, message='{"job_id": 7, "trace": "Traceback:\\n  File \\"a.py\\""}')
    text = client.get(f"/dashboard/recipe_runs/{run.id}").text
    assert ">Traceback:\n  File &#34;a.py&#34;</pre>" in text
    assert "<dt>job id</dt><dd><code>7</code></dd>" in text


def test_lists_of_bakeries_and_feedstocks_show_how_their_runs_ended(app, client):
    run = ended(app)
    make_run(app, bakery_id=run.bakery_id, feedstock_id=run.feedstock_id, status="completed", conclusion="failure")
    make_run(app, bakery_id=run.bakery_id)
    bakery, feedstock = (re.split("<tbody", client.get(f"/dashboard/{name}").text)[1] for name in LISTS[:2])
    assert ("3 runs in bakery" in bakery, "50 % of 2 succeeded" in bakery) == (True, True)
    assert ("2 runs of pangeo" in feedstock, "50 % of 2 succeeded" in feedstock) == (True, True)


def test_a_timeline_shows_who_did_what_and_why(app, writer, client):
    run = make_run(app)
    body = {"status": "in_progress", "reason": "A machine is free."}
    assert writer.patch(f"/recipe_runs/{run.id}", json=body).status_code == 200
    text = client.get(f"/dashboard/recipe_runs/{run.id}").text
    assert "<strong>Became in progress</strong> by a key without a label" in text
    assert "A machine is free." in text


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/nope", 404, "There is nothing at /dashboard/nope"),
        ("/assets/nope.js", 404, "There is nothing at /dashboard/assets/nope.js"),
        ("/assets/../../config.py", 404, "There is nothing at"),
        ("/recipe_runs/999", 404, "recipe run 999 not found"),
        ("/bakeries/99999999999999999999", 404, "not found"),
        ("/datasets/x", 422, "id must be a whole number."),
        ("/recipe_runs?limit=x", 422, "limit: Not a valid integer."),
        ("/recipe_runs?cursor=x", 422, "cursor: Take it from a link"),
        ("/recipe_runs?sort=asc&sort=desc", 422, "sort is given more than once."),
        ("?since=yesterday", 422, "since: Must be an RFC 3339 timestamp, a date or an age"),
        ("/recipe_runs.csv?limit=x", 422, "limit: Not a valid integer."),
    ],
)
def test_an_error_is_shown_as_a_page(client, path, status, sentence):
    response = client.get(f"/dashboard{path}")
    assert (response.status_code, response.content_type) == (status, "text/html; charset=utf-8")
    assert sentence in unescape(response.text)
    assert "default-src 'none'; script-src 'self'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/nope", "/docs/nope", "/bakerys"])
def test_a_browser_gets_a_page_for_a_path_that_does_not_exist(client, path):
    response = client.get(path, headers={"Accept": BROWSER})
    assert (response.status_code, response.content_type) == (404, "text/html; charset=utf-8")
    assert 'aria-label="Main"' in response.text
    assert f"There is nothing at {path}" in unescape(response.text)
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, text/html"])
def test_a_program_gets_a_problem_for_a_path_that_does_not_exist(client, accept):
    response = client.get("/nope", headers={"Accept": accept} if accept else {})
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert list(response.json) == ["type", "title", "status", "detail", "request_id"]


@pytest.mark.parametrize("path", ["/recipe_runs/999", "/stac/collections/999"])
def test_a_browser_gets_a_problem_for_a_record_of_the_api_that_does_not_exist(client, path):
    assert client.get(path, headers={"Accept": BROWSER}).mimetype == "application/problem+json"


def test_a_page_reports_a_database_that_is_down(unreachable_app):
    response = unreachable_app.test_client().get("/dashboard")
    assert (response.status_code, response.mimetype, response.headers["Retry-After"]) == (503, "text/html", "5")
    assert "The database did not answer in time." in response.text


def test_a_page_reports_a_database_behind_its_migrations(empty_url):
    with application(empty_url) as app:
        response = app.test_client().get("/dashboard/recipe_runs")
    assert (response.status_code, response.mimetype) == (503, "text/html")
    assert f"this release needs {HEAD}: run `flask db upgrade`" in response.text


def test_a_page_that_has_not_changed_is_not_sent_again(seeded, path):
    response = seeded.get(path)
    again = seeded.get(path, headers={"If-None-Match": response.headers["ETag"]})
    assert (response.status_code, again.status_code, again.data) == (200, 304, b"")


def test_no_page_loads_inline_code_or_another_host(seeded, path):
    response = seeded.get(path)
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?! src=\"/dashboard/assets/)", response.text)
    assert {urlsplit(url).netloc for url in re.findall(r'src="([^"]*)"', response.text)} == {""}
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", views.ASSETS)
def test_an_asset_is_cached(client, name):
    response = client.get(f"/dashboard/assets/{name}")
    again = client.get(f"/dashboard/assets/{name}", headers={"If-None-Match": response.headers["ETag"]})
    assert (response.status_code, again.status_code) == (200, 304)
    assert response.mimetype in ("text/css", "text/javascript", "image/svg+xml")


def test_the_navigation_leads_to_the_api_and_to_the_documentation(client):
    text = client.get("/dashboard").text
    assert ('href="/docs">API</a>' in text, 'href="/dashboard/guide">Docs</a>' in text) == (True, True)
    assert 'aria-current="page">Docs</a>' in client.get("/dashboard/guide").text


def test_the_dashboard_works_without_records(client):
    for path in ["", *LISTS]:
        assert 'class="empty"' in client.get(f"/dashboard/{path}").text


def test_the_plots_show_runs_of_any_year(app, client):
    for year, month, day in ((1, 1, 1), (9999, 12, 31)):
        run = make_run(app, started_at=datetime(year, month, day, 23, tzinfo=UTC))
        for path in ("", "/recipe_runs", f"/recipe_runs/{run.id}", f"/bakeries/{run.bakery_id}"):
            assert client.get(f"/dashboard{path}").status_code == 200


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, text/html", "text/plain"])
def test_the_root_answers_programs_with_json(client, accept):
    response = client.get("/", headers={"Accept": accept} if accept else {})
    assert (response.status_code, response.data, response.headers["Vary"]) == (200, b'{"status":"ok"}', "Accept")


@pytest.mark.parametrize("accept", [BROWSER, "text/html", "text/html, application/json;q=0.9"])
def test_the_root_redirects_a_browser_to_the_dashboard(client, accept):
    response = client.get("/", headers={"Accept": accept})
    assert (response.status_code, response.headers["Location"], response.headers["Vary"]) == (
        *(303, "/dashboard"),
        "Accept",
    )
