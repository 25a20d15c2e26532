import json
from urllib.parse import urlsplit

import pytest

from tests.conftest import ADMIN_KEY
from tests.support import live

SCREENSHOTS = live.ROOT / "test-results"


@pytest.fixture
def page(browser):
    """A page that records its errors (`errors`) and its requests (`requested`)."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(1000 * live.PATIENCE)
    page.errors, page.requested = [], []
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("request", lambda request: page.requested.append(request.url))
    yield page
    page.close()


def authorise(page):
    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".modal-ux")
    dialog.locator("input[type=text]").first.fill(ADMIN_KEY)
    dialog.get_by_role("button", name="Apply credentials").first.click()
    dialog.get_by_role("button", name="Close").first.click()


def execute(page, name, status, body=None):
    """Execute the operation `name` with the values that it opens with, or with `body`. Return what the page shows."""
    operation = page.locator(f"#operations-{name}")
    operation.locator(".opblock-summary").click()
    if body:
        operation.locator("textarea").fill(json.dumps(body))
    operation.get_by_role("button", name="Execute").click()
    operation.locator(".live-responses-table .response-col_status").get_by_text(str(status)).wait_for()
    page.screenshot(path=SCREENSHOTS / f"docs-{name}.png")
    return operation.locator(".live-responses-table").inner_text()


def test_a_visitor_reads_and_writes_without_loading_from_other_hosts(own_service, page):
    page.goto(f"{own_service}/docs")
    execute(page, "recipe_runs-list_recipe_runs", 200)
    execute(page, "stats-count_datasets", 200)
    authorise(page)
    body = {"region": "here", "name": "from-the-docs", "description": ""}
    assert "from-the-docs" in execute(page, "bakeries-create_bakery", 201, body)
    assert page.errors == []
    hosts = {urlsplit(url).netloc for url in page.requested if not url.startswith("data:")}
    assert hosts == {urlsplit(own_service).netloc}


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/docs/init.js", "/docs/swagger-ui.css", "/openapi.json"])
def test_the_documentation_answers_head(client, path):
    for method in ("GET", "HEAD"):
        assert client.open(path, method=method, buffered=True).status_code == 200


def test_the_policy_of_the_documentation_allows_nothing_inline_and_no_other_host(client):
    policy = client.get("/docs").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_redoc_redirects_to_the_documentation(client):
    response = client.get("/redoc")
    assert (response.status_code, response.headers["Location"]) == (308, "/docs")


def test_a_file_outside_of_the_distribution_is_not_found(client):
    assert client.get("/docs/../app/web/auth.py").status_code == 404
    assert client.get("/docs/%2e%2e/flask_swagger_ui.py").status_code == 404
