"""Every operation of /docs answers with the values that it opens with: a browser presses "Execute" on each of them."""

from urllib.parse import urlsplit

import pytest

from tests.routes.test_docs import authorise, execute
from tests.routes.test_docs import page as page
from tests.support import live
from tests.support.apps import copied, environment
from tests.support.postgres import free_port


def operations(document, method):
    """The names in the page of all operations with this method."""
    paths = document["paths"].values()
    found = [path[method] for path in paths if method in path and path[method].get("security") != SIGNED]
    return [f"{operation['tags'][0]}-{operation['operationId']}" for operation in found]


@pytest.fixture
def docs(sqlite_template, tmp_path):
    """The address of a service as `make run` starts it: with examples, which are then inspected."""
    port, url = free_port(), copied(sqlite_template, tmp_path / "docs.sqlite")
    env = environment(url, REPR_ALLOWED_HOSTS=f"127.0.0.1:{port}")
    assert live.flask(env, "seed", "--address", f"http://127.0.0.1:{port}").returncode == 0
    with live.server(env, port) as address:
        assert live.flask(env, "datasets", "inspect").returncode == 0
        yield address


SIGNED: list[dict[str, list[str]]] = [{"GitHubSignature": []}]  # a signature that a browser cannot make
# Of the examples, the bakery and the feedstock have runs, so they cannot be deleted.
ANSWERS = {"get": {200}, "post": {200, 201}, "patch": {200}, "put": {200}, "delete": {200, 409}}


def test_every_operation_answers_with_the_values_that_it_opens_with(docs, page):
    page.requested.clear()  # it was opened at another address
    page.goto(f"{docs}/docs")
    authorise(page)
    document = page.request.get(f"{docs}/openapi.json").json()
    for method, expected in ANSWERS.items():
        statuses = {name: execute(page, name) for name in operations(document, method)}
        assert {name: status for name, status in statuses.items() if status not in expected} == {}
    hosts = {urlsplit(url).netloc for url in page.requested if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(docs).netloc}
