from contextlib import closing
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.support import live
from tests.support.apps import ADMIN_KEY

SCREENSHOTS = live.ROOT / "test-results"
COLOURS = {"dark": "rgb(28, 32, 34)", "light": "rgba(0, 0, 0, 0)"}


@pytest.fixture(scope="module")
def page(browser, own_service):
    """The documentation, which takes seconds to load. It records errors (`errors`) and requests (`requested`)."""
    page = browser.new_page(viewport={"width": 1280, "height": 300})  # a small window is drawn in less time
    page.set_default_timeout(1000 * live.PATIENCE)
    page.errors, page.requested = [], []
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("request", lambda request: page.requested.append(request.url))
    page.goto(f"{own_service}/docs")
    page.locator(".opblock").first.wait_for()
    yield page
    page.close()


def authorise(page):
    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".modal-ux")
    dialog.locator("input[type=text]").first.fill(ADMIN_KEY)
    dialog.get_by_role("button", name="Apply credentials").first.click()
    dialog.get_by_role("button", name="Close").first.click()


def execute(page, name):
    """Execute the operation `name` with the values that it opens with. Return the status that the page shows."""
    operation = page.locator(f"#operations-{name}")
    toggle = operation.locator(".opblock-summary-control")
    toggle.dispatch_event("click")
    operation.locator("button.execute").click()  # waits until the page no longer changes
    status = operation.locator(".live-responses-table tr.response td.response-col_status").text_content()
    toggle.dispatch_event("click")  # many open operations make the page slow
    return int(status.split()[0])


def test_a_visitor_reads_and_writes_without_loading_from_other_hosts(own_service, page):
    authorise(page)
    assert execute(page, "recipe_runs-list_recipe_runs") == 200
    assert execute(page, "bakeries-create_bakery") == 201
    hosts = {urlsplit(url).netloc for url in page.requested if not url.startswith("data:")}
    assert hosts == {urlsplit(own_service).netloc}


def test_the_page_has_no_errors_and_is_dark_for_visitors_who_prefer_that(page):
    page.set_viewport_size({"width": 1280, "height": 1000})
    for scheme, colour in COLOURS.items():
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("html")).to_have_css("background-color", colour)
        page.screenshot(path=SCREENSHOTS / f"docs-{scheme}.png")
    assert page.errors == []


def test_the_page_fits_on_a_phone(page):
    page.set_viewport_size({"width": 360, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1280, "height": 1000})


@pytest.mark.parametrize("scheme", COLOURS)
def test_the_page_opens_in_the_colours_that_the_visitor_prefers(own_service, browser, scheme):
    with closing(browser.new_page(color_scheme=scheme)) as page:
        page.goto(f"{own_service}/docs")
        expect(page.locator("html")).to_have_css("background-color", COLOURS[scheme])


def test_datasets_and_runs_come_first_and_schemas_are_collapsed(page):
    tags = page.locator(".opblock-tag").evaluate_all("(tags) => tags.map((tag) => tag.dataset.tag)")
    assert tags[:2] == ["datasets", "recipe_runs"]
    assert page.locator(".models").count() == 1
    assert page.locator(".models.is-open").count() == 0


def test_a_link_leads_to_the_dashboard(own_service, page):
    link = page.get_by_role("link", name="Dashboard")
    link.click(trial=True)  # it can be clicked, but the other tests need this page
    assert link.evaluate("(link) => link.href") == f"{own_service}/dashboard"
    assert page.request.get(f"{own_service}/dashboard").ok


@pytest.mark.parametrize(
    "path", ["/docs", "/docs/", "/docs/init.js", "/docs/swagger-ui.css", "/docs/init.js/", "/openapi.json"]
)
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
