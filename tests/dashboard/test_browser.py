"""The dashboard in Chromium, on the original's production data if there is a dump, else on the example catalogue."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from app.database.columns import now
from app.schemas.dataset_descriptions import EXAMPLE as DESCRIPTION
from app.schemas.dataset_descriptions import EXAMPLE_VARIABLE
from tests.support import catalogue, live
from tests.support.apps import ADMIN_KEY, environment

TABLET = 768  # pixels
SCREENS = ((360, "light"), (TABLET, "light"), (1440, "light"), (1440, "dark"))
SCREENSHOTS = live.ROOT / "test-results"
PAGES = ["?type=production", "/bakeries", "/feedstocks", "/recipe_runs?conclusion=failure&sort=asc"]
PAGES += ["/datasets", "/datasets?q=nothing-has-this", "/nope", "/guide", "?since=30d"]
KEY = {"X-API-Key": ADMIN_KEY}
COMPLETED_AT = f"{now():%Y-%m-%dT%H:%M:%SZ}"
STARTED_AT = f"{now() - timedelta(hours=1, minutes=30):%Y-%m-%dT%H:%M:%SZ}"
LATITUDE = EXAMPLE_VARIABLE | {"dimensions": ["lat"], "shape": [180], "units": "degrees_north", "coordinate": True}
EXAMPLE = DESCRIPTION | {"variables": {"precip": EXAMPLE_VARIABLE, "lat": LATITUDE}}
RECORDS = ["bakeries", "feedstocks", "datasets"]
TRACE = "\n".join([*map(str, range(30)), "MemoryError: " + 100 * "x"])


@pytest.fixture(scope="module")
def site(request):
    """The address of a service with the original's production data or, without its dump, with the examples."""
    if not catalogue.DUMP:
        yield request.getfixturevalue("own_service")
        return
    with catalogue.production(request.getfixturevalue("postgres_server")) as url, live.server(environment(url)) as site:
        yield site


@pytest.fixture
def page(browser, site):
    """A page that records its errors (`errors`) and the hosts that it requested (`hosts`)."""
    context = browser.new_context(base_url=site, permissions=["clipboard-read", "clipboard-write"])
    context.set_default_timeout(1000 * live.PATIENCE)
    page = context.new_page()
    page.errors, page.hosts = [], set()
    page.on("console", lambda message: page.errors.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("request", lambda request: page.hosts.add(urlsplit(request.url).netloc))
    yield page
    context.close()


def newest(page, name):
    """The id of the newest record of the resource."""
    return page.request.get(f"/{name}/?limit=1&sort=desc").json()[0]["id"]


def violations(page):
    """The violations that axe-core finds on each screen, and the screens on which the page is too wide."""
    page.evaluate(Axe().axe_script)
    for width, scheme in SCREENS:
        # Without reduced motion, axe-core would measure colours in the middle of a transition.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 900})
        if page.evaluate("document.documentElement.scrollWidth") > width:
            yield width, scheme, "wider than the window"
        if width == TABLET:  # its layout is that of the wider window, and axe-core takes a second
            continue
        # A dark screen differs from the light one in its colours only.
        rules = "['color-contrast']" if scheme == "dark" else "undefined"
        options = f"{{resultTypes: ['violations'], runOnly: {rules}}}"
        found = page.evaluate(f"axe.run({options}).then((results) => results.violations)")
        yield from ((width, scheme, rule["id"], rule["nodes"][0]["html"]) for rule in found)
        name = re.sub(r"\W+", "-", page.url.partition("dashboard")[2])
        page.screenshot(path=SCREENSHOTS / f"dashboard{name}-{width}-{scheme}.png")


@pytest.mark.parametrize("path", [*PAGES, *(f"/{name}/" for name in RECORDS)])
def test_every_page_is_accessible_on_any_screen(page, site, path):
    number = newest(page, path.strip("/")) if path.endswith("/") else ""
    page.goto(f"/dashboard{path}{number}")
    assert list(violations(page)) == []
    assert page.hosts == {urlsplit(site).netloc}
    assert page.errors == [] or path == "/nope"


@pytest.fixture
def watched(page):
    """The path of a queued run of the recipe `watched`, which is the newest run."""
    parents = {name: page.request.get(f"/{name}/?limit=1").json()[0]["id"] for name in ("bakeries", "feedstocks")}
    body = {"recipe_id": "watched", "bakery_id": parents["bakeries"], "feedstock_id": parents["feedstocks"]}
    body |= {"head_sha": "35d889f", "version": "", "started_at": STARTED_AT}
    path = f"/recipe_runs/{page.request.post('/recipe_runs/', data=body, headers=KEY).json()['id']}"
    yield path
    page.request.delete(path, headers=KEY)


def test_the_pages_of_a_failed_run_and_of_its_recipe_are_accessible(page, watched):
    failure = {"conclusion": "failure", "completed_at": COMPLETED_AT, "message": TRACE, "is_test": True}
    run = page.request.patch(watched, data=failure, headers=KEY).json()
    page.request.post(f"{watched}/logs", data="wrote 5 chunks", headers=KEY | {"Content-Type": "text/plain"})
    for path in (watched, f"/feedstocks/{run['feedstock_id']}/recipes/watched"):
        page.goto(f"/dashboard{path}")
        for summary in page.locator("summary").all():
            summary.click()
        assert list(violations(page)) == []
    assert page.errors == []


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/recipe_runs"])
def test_a_run_changes_in_a_list_without_a_reload(page, watched, path):
    page.clock.install()
    page.goto(path)
    page.evaluate("window.same = true")
    row = page.locator("tr", has=page.get_by_role("link", name="watched"))
    assert row.locator(".state").inner_text() == "queued"
    row.get_by_role("link", name="watched").focus()
    page.request.patch(watched, data={"status": "in_progress"}, headers=KEY)
    page.clock.fast_forward(10_000)
    row.get_by_text("in progress").wait_for()
    assert page.evaluate("[window.same, document.activeElement.textContent]") == [True, "watched"]
    assert page.locator("#news").inner_text().endswith(", watched: in progress")
    assert page.errors == []


def test_a_run_changes_on_its_page_without_a_reload(page, watched):
    page.clock.install()
    page.goto(f"/dashboard{watched}")
    change = {
        "conclusion": "failure",
        "message": '{"trace": "Out of memory"}',
        "completed_at": COMPLETED_AT,
    }
    page.request.patch(watched, data=change, headers=KEY)
    page.clock.fast_forward(10_000)
    page.get_by_text("Out of memory", exact=True).wait_for()
    assert page.locator(".lead").inner_text() == "failure after 1 h 30 min"
    assert page.locator(".timeline strong").all_inner_texts()[-1] == "Ended: failure"


def test_the_page_polls_with_its_etag(page):
    page.clock.install()
    page.goto("/dashboard/feedstocks")
    statuses = []
    for _ in range(2):
        with page.expect_response("**/dashboard/feedstocks") as answer:
            page.clock.fast_forward(10_000)
        statuses.append(answer.value.status)
        page.get_by_text("Live, updated at").wait_for()
    assert statuses == [200, 304]


def test_the_page_polls_a_service_that_is_down_less_often(page):
    page.clock.install()
    page.goto("/dashboard/feedstocks")
    page.route("**/dashboard/feedstocks", lambda route: route.abort())
    page.clock.fast_forward(10_000)
    expect(page.get_by_text("Next attempt in 20 s")).to_be_visible()
    page.clock.fast_forward(20_000)
    expect(page.get_by_text("Next attempt in 40 s")).to_be_visible()


@pytest.fixture
def linked(page):
    """Two links to datasets with rare names; the id of the first one, which has a description."""
    feedstock = page.request.get("/feedstocks/?limit=1").json()[0]["id"]
    body = {"feedstock_id": feedstock, "dataset_type": "zarr", "url": "https://data.org/rare.zarr"}
    ids = [
        page.request.post("/datasets/", data=body | {"recipe_id": name}, headers=KEY).json()["id"]
        for name in ("rarefish-one", "rarefish-two")
    ]
    page.request.put(f"/datasets/{ids[0]}/description", data=EXAMPLE, headers=KEY)
    yield ids[0]
    for id in ids:
        page.request.delete(f"/datasets/{id}", headers=KEY)


def test_the_catalogue_searches_while_the_visitor_types(page, linked):
    page.goto("/dashboard/datasets?dataset_type=zarr")
    page.evaluate("window.same = true")
    field, heading = page.get_by_label("Search"), page.locator("#found")
    every = heading.inner_text()
    field.press_sequentially("rarefish")
    expect(heading).to_have_text("2 datasets")
    field.press_sequentially("-two")
    expect(heading).to_have_text("1 dataset")
    expect(page.locator("#news")).to_have_text("1 dataset")
    assert urlsplit(page.url).query == "q=rarefish-two&dataset_type=zarr"
    assert page.evaluate("[window.same, document.activeElement.name]") == [True, "q"]
    page.go_back()
    expect(heading).to_have_text(every)
    assert (field.input_value(), page.errors) == ("", [])
    page.go_forward()
    expect(heading).to_have_text("1 dataset")
    assert field.input_value() == "rarefish-two"


def test_the_catalogue_is_searched_without_a_script(browser, site, linked):
    context = browser.new_context(base_url=site, java_script_enabled=False)
    context.set_default_timeout(1000 * live.PATIENCE)
    page = context.new_page()
    page.goto("/dashboard/datasets?dataset_type=zarr")
    page.get_by_label("Search").fill("rarefish-two")
    page.get_by_role("button", name="Search").click()
    assert page.locator("#found").inner_text() == "1 dataset"
    page.locator(".chosen", has_text="zarr").click()
    assert urlsplit(page.url).query == "q=rarefish-two"
    context.close()


def test_the_page_of_a_described_dataset_is_accessible_and_its_variables_are_searched(page, linked):
    page.goto(f"/dashboard/datasets/{linked}")
    assert list(violations(page)) == []
    names = page.locator("#variable-rows tr:visible th code")
    assert names.all_inner_texts() == ["precip", "lat"]
    page.get_by_label("Search").fill("MM/day prec")
    assert names.all_inner_texts() == ["precip"]
    assert page.locator(".filter output").inner_text() == "1 of 2"


def test_a_button_copies_the_snippet(page):
    page.goto("/dashboard/datasets")
    page.locator(".datasets h3 a").first.click()
    snippet = page.locator("#code-xarray").inner_text()
    page.get_by_role("button", name="Copy the Python code").first.click()
    page.get_by_role("button", name="Copied the Python code").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == snippet
    assert snippet.startswith("import xarray as xr\n\nds = xr.open_dataset('https://")


def test_a_button_copies_the_address_of_the_api_call(page, site):
    page.goto("/dashboard/bakeries")
    page.get_by_role("button", name="Copy the url of API call 1").click()
    page.get_by_role("button", name="Copied the url of API call 1").wait_for()
    address = page.evaluate("navigator.clipboard.readText()")
    assert address == f"{site}/bakeries/?limit=25&count=true&order_by=name"
    assert page.request.get(address).ok


def test_the_keyboard_skips_to_the_content_and_reaches_the_navigation(page):
    page.goto("/dashboard")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.goto("/dashboard")
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/dashboard/recipe_runs")
    assert page.locator("[aria-current=page]").inner_text() == "Runs"


def test_runs_are_filtered_and_sorted_without_a_script(browser, site):
    context = browser.new_context(base_url=site, java_script_enabled=False)
    context.set_default_timeout(1000 * live.PATIENCE)
    page = context.new_page()
    page.goto("/dashboard/recipe_runs")
    page.get_by_role("group", name="Result").get_by_role("link", name="failure").click()
    assert set(page.locator("tbody .state").all_inner_texts()) == {"failure"}
    page.get_by_role("link", name="Recipe", exact=True).click()
    recipes = page.locator("tbody th a").all_inner_texts()
    assert recipes == sorted(recipes)
    page.get_by_label("Kind").select_option("production")
    page.get_by_role("button", name="Apply").click()
    assert urlsplit(page.url).query == "type=production&conclusion=failure&order_by=recipe_id&sort=asc"
    context.close()


def test_the_filters_are_folded_on_a_phone(page):
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto("/dashboard/recipe_runs")
    assert page.locator("[name=bakery_id]").is_hidden()
    page.get_by_label("More filters").focus()
    page.keyboard.press("Space")
    expect(page.locator("[name=bakery_id]")).to_be_visible()
    assert page.locator(".opener").inner_text() == "Fewer filters"
    page.locator(".opener").click(click_count=2)  # its box has the focus then, and stays invisible
    assert page.locator("#fold").evaluate("box => getComputedStyle(box).clipPath") == "inset(50%)"
    edges = page.locator(".folded > label").evaluate_all("all => all.map(label => label.getBoundingClientRect().right)")
    inputs = page.locator(".folded input").evaluate_all("all => all.map(input => input.getBoundingClientRect().right)")
    assert max(inputs) <= max(edges) <= 345
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/dashboard/recipe_runs")
    assert page.locator("[name=bakery_id]").is_visible()


def test_long_words_of_filters_fit_on_a_phone(page):
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"/dashboard/recipe_runs?head_sha={40 * 'f'}&q={90 * 'w'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("path", ["/dashboard/recipe_runs", "/dashboard/datasets"])
def test_a_slash_leads_to_the_search_field(page, path):
    page.goto(path)
    page.keyboard.press("/")
    page.keyboard.type("a/b")
    assert page.evaluate("[document.activeElement.name, document.activeElement.value]") == ["q", "a/b"]


def test_a_time_under_the_pointer_has_the_local_time(browser, site):
    context = browser.new_context(base_url=site, timezone_id="Asia/Tokyo", locale="en-GB")
    context.set_default_timeout(1000 * live.PATIENCE)
    page = context.new_page()
    page.goto("/dashboard/recipe_runs")
    time = page.locator("tbody time").first
    time.hover()
    assert re.search(r"\d\d:\d\d:\d\d GMT\+9, your time", time.get_attribute("title"))
    context.close()


def test_a_bar_leads_to_the_runs_that_it_counts(page):
    page.goto("/dashboard?type=production")
    bar = page.locator("#runs-plot .bar", has=page.locator("title", has_text="failure")).first
    number = re.search(r"failure (\d+)", bar.locator("title").text_content())[1]
    bar.locator("a", has=page.locator("[fill*=failure]")).click()
    expect(page.locator("[data-live=total]")).to_have_text(re.compile(rf"^{number} runs?$"))
