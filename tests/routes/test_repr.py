"""`/repr/xarray/` shows datasets of the catalogue like xarray, and reads no other address."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from threading import BoundedSemaphore, Event
from time import sleep
from urllib.parse import quote

import pytest
from werkzeug.exceptions import HTTPException

from app.extensions import db
from app.repr import opener as module
from app.repr.opener import Opener, Result
from config import ConfigError, load
from tests.support import forked, live, stores
from tests.support.apps import environment
from tests.support.databases import on_sqlite
from tests.support.factories import make_run
from tests.support.sent import statements

PUBLISHED = {"status": "completed", "conclusion": "success"}
DATA = "https://data.example.org/gpcp.zarr"
UNREADABLE = "xarray cannot open it as a Zarr store with consolidated metadata or as Kerchunk JSON."
SENTENCE = "An error occurred while fetching the data from URL: {url}. {sentence}"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    stores.write_stores(folder)
    stores.write_pickle(folder, folder / "unpickled")
    stores.write_months(folder)
    stores.write_other_files(folder)
    with stores.server(folder) as server:
        stores.write_references(folder, server.url)
        server.folder = folder
        yield server


@pytest.fixture(autouse=True)
def long_timeout(monkeypatch):
    """The time limit for opening a dataset suffices for a busy machine."""
    monkeypatch.setattr(module, "TIMEOUT", live.PATIENCE)
    monkeypatch.setattr(module, "QUEUE_TIMEOUT", live.PATIENCE)


@pytest.fixture
def alone(served):
    """An opener that may read the server on loopback. It starts a process for each dataset, as the service does."""
    return Opener([served.host])


@pytest.fixture
def opener(alone):
    with forked.programs():
        yield alone


@pytest.fixture
def fresh(app):
    """The opener of the application, with an empty cache."""
    app.extensions["repr"] = Opener(
        ["listed.example.org", "listed.example.org:8080", "ported.example.org:80", ".below.example.org"]
    )
    return app.extensions["repr"]


@pytest.fixture
def opened(fresh, monkeypatch):
    """The URLs that would have been opened, and whether their hosts are trusted."""
    asked = []

    def run(url, trusted, seconds):
        assert not db.session().in_transaction()
        asked.append((url, trusted))
        return Result("<div></div>")

    monkeypatch.setattr(module, "run", run)
    return asked


def occupy(opener):
    """Take all slots, as requests do that open a dataset. `opener.slots.asked` is set when another one waits."""
    opener.slots = Watched(module.PROCESSES_MAX)
    for _ in range(module.PROCESSES_MAX):
        assert opener.slots.acquire(blocking=False)
    opener.slots.asked.clear()


class Watched(BoundedSemaphore):
    def __init__(self, value):
        super().__init__(value)
        self.asked = Event()

    def acquire(self, *args, **options):
        self.asked.set()
        return super().acquire(*args, **options)


def refusal(opener, url):
    with pytest.raises(HTTPException) as raised:
        opener.html(url)
    return raised.value.code, raised.value.description


def expected_error(code, url, sentence):
    return code, SENTENCE.format(url=url, sentence=sentence)


@pytest.mark.parametrize("path", ["v2.zarr", "v3.zarr/", "moved"])
def test_a_store_has_the_representation_of_xarray(opener, served, path):
    html = opener.html(f"{served.url}/{path}")
    assert html.startswith("<div><svg")
    assert all(word in html for word in ("precip", "cftime.DatetimeNoLeap(2000, 1, 1", "GPCP"))


@pytest.mark.parametrize("name", ["version-0.json", "version-1.json", "inline.json"])
def test_kerchunk_references_have_the_representation_of_xarray(opener, served, name):
    html = opener.html(f"{served.url}/{name}")
    assert html.startswith("<div><svg")
    assert "cftime.DatetimeNoLeap(2000, 1, 1" in html


def test_times_that_cannot_be_decoded_are_shown_as_numbers_with_a_note(opener, served):
    html = opener.html(f"{served.url}/months.zarr")
    assert html.startswith("<p>Times are shown as numbers, because xarray cannot decode their units")
    assert "months since 1990-01-01" in html


@on_sqlite  # opening a dataset takes a second and does not depend on the database
def test_the_site_gets_html_for_a_url_that_is_not_encoded(app, client, fresh, served):
    url, fresh.hosts = f"{served.url}/v2.zarr?x=1&y=%20a+b", [served.host]
    answer = client.get(f"/repr/xarray/?url={url}", headers={"Origin": "https://pangeo-forge.org"})
    assert (answer.status_code, list(answer.json), answer.json["dataset"]) == (200, ["html", "dataset"], url)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "public, max-age=600"
    again = client.get(f"/repr/xarray?url={quote(url, safe='')}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert "/v2.zarr/time/0?x=1&y=%20a+b" in served.asked


@pytest.mark.parametrize(
    "query", [f"{DATA}?a=%20b+c&d=e", quote(f"{DATA}?a=%20b+c&d=e", safe=""), quote(f"{DATA}?a=%20b+c&d=e", safe=":")]
)
def test_a_url_may_be_percent_encoded_or_not(app, client, opened, query):
    make_run(app, **PUBLISHED, dataset_public_url=f"{DATA}?a=%20b+c&d=e")
    for path in ("/repr/xarray/", "/repr/xarray"):
        assert client.get(f"{path}?url={query}").json["dataset"] == f"{DATA}?a=%20b+c&d=e"
    assert opened == [(f"{DATA}?a=%20b+c&d=e", False)]


@pytest.mark.parametrize(
    "query",
    [
        *("", "url=", "url", "x=1", "x=1&url=https://data.org/a", "url=https%3A%2F%2Fdata.org%2Fa&x=1"),
        *("url=data.org/a", "url=/etc/passwd", "url=file:///etc/passwd", "url=ftp://data.org/a", "url=foo://data.org"),
        *(
            "url=https://",
            "url=HTTPS://data.org/a",
            "url=https:///a",
            "url=https://u:p@data.org/a",
            "url=https://data.org:65536/a",
        ),
        *("url=https://data.org%5C@evil.org/a", "url=https://data.org\\@evil.org/a", "url=s3://bucket:80/a"),
        *("url=http://[::1]/a", "url=reference://data.org/a", "url=s3://", "url=https%3A%2F%2Fdata.org%2F%0A"),
        "url=https%3A%2F%2Fdata.org%2Fa%00",
        f"url=https://data.org/{'a' * 2048}",
    ],
)
def test_an_invalid_url_is_422(client, opened, query):
    answer = client.get(f"/repr/xarray/?{query}")
    assert (answer.status_code, answer.content_type, opened) == (422, "application/problem+json", [])


def test_datasets_of_the_catalogue_are_opened_at_public_addresses_only(app, client, opened):
    make_run(app, **PUBLISHED, dataset_public_url=DATA)
    assert client.get(f"/repr/xarray/?url={DATA}").json == {"html": "<div></div>", "dataset": DATA}
    assert opened == [(DATA, False)]


@pytest.mark.parametrize("columns", [{"status": "queued"}, {**PUBLISHED, "conclusion": "failure"}])
def test_a_url_that_no_run_has_published_is_403(app, client, opened, columns):
    make_run(app, **columns, dataset_public_url=DATA)
    make_run(app, **PUBLISHED, dataset_public_url=f"{DATA}/more")
    answer = client.get(f"/repr/xarray/?url={DATA}")
    sentence = "is not a dataset of the catalogue, and its host is not allowed."
    assert (answer.status_code, answer.json["detail"], opened) == (403, f"{DATA} {sentence}", [])


def test_the_catalogue_is_queried_with_one_statement(app, client, opened):
    make_run(app, **PUBLISHED, dataset_public_url=DATA)
    client.get("/readyz")
    with statements() as sent:
        assert client.get(f"/repr/xarray/?url={DATA}").status_code == 200
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("url", "listed"),
    [
        ("https://listed.example.org/a", True),
        ("https://LISTED.example.org:443/a", True),
        ("http://listed.example.org:80", True),
        ("http://listed.example.org:8080/a", True),
        ("http://listed.example.org:8081/a", False),
        ("http://ported.example.org/a", True),
        ("https://ported.example.org/a", False),
        ("https://listed.example.org:80/a", False),
        ("https://not-listed.example.org/a", False),
        ("https://listed.example.org.evil.org/a", False),
        ("https://a.below.example.org/a", True),
        ("https://below.example.org/a", False),
        ("s3://bucket.below.example.org/a", False),
        ("https://evil.org/?listed.example.org/", False),
    ],
)
def test_an_allowed_host_includes_its_port(fresh, url, listed):
    assert fresh.allows(url) is listed


def test_s3_is_read_over_https_without_credentials(client, fresh, opened):
    fresh.hosts = [".s3.amazonaws.com"]
    assert client.get("/repr/xarray/?url=s3://noaa/gpcp.zarr").json["dataset"] == "s3://noaa/gpcp.zarr"
    assert opened == [("https://noaa.s3.amazonaws.com/gpcp.zarr", True)]


@pytest.mark.parametrize("hosts", ["*", "https://data.org", "data.org/a", "data.org:x", "data org"])
def test_an_invalid_list_of_hosts_is_one_sentence_at_boot(hosts):
    with pytest.raises(ConfigError, match="REPR_ALLOWED_HOSTS contains"):
        load(environment("sqlite:///never-opened.sqlite", REPR_ALLOWED_HOSTS=hosts))


@pytest.mark.parametrize(
    ("path", "code", "sentence"),
    [
        ("nothing.zarr", 404, "Dataset not found."),
        ("denied", 403, "Permission denied."),
        ("unconsolidated.zarr", 502, UNREADABLE),
        ("page.html", 502, UNREADABLE),
        ("pickle.zarr", 502, "It is compressed or encoded by a codec that this service does not run."),
        ("codec.zarr", 502, "It is compressed or encoded by a codec that this service does not run."),
        ("classic.nc", 502, "It is a NetCDF or HDF5 file, and this service does not show those."),
        ("hdf5.nc", 502, "It is a NetCDF or HDF5 file, and this service does not show those."),
        ("references.parq", 502, "It has Kerchunk references in Parquet, and this service does not show those."),
        ("private.json", 403, "It leads to an address that is not public."),
        ("file.json", 502, UNREADABLE),
        ("path.json", 502, UNREADABLE),
        ("vast.zarr", 502, "It is too large to be shown."),
        ("wordy.zarr", 502, "It is too large to be shown."),
    ],
)
def test_an_error_says_why_a_store_cannot_be_shown(opener, served, path, code, sentence):
    url = f"{served.url}/{path}"
    assert refusal(opener, url) == expected_error(code, url, sentence)
    assert not (served.folder / "unpickled").exists()


def test_a_host_that_cannot_be_reached_is_502():
    url = "http://127.0.0.1:1/a"
    with forked.programs():
        refused = refusal(Opener(["127.0.0.1:1"]), url)
    assert refused == expected_error(502, url, "Its host cannot be reached, or answered with an error.")


def test_a_dataset_of_the_catalogue_at_a_private_address_is_403(served):
    url = f"http://localhost:{served.port}/v2.zarr"
    assert refusal(Opener([]), url) == expected_error(403, url, "It leads to an address that is not public.")


def test_a_host_that_hangs_is_504_and_its_process_is_killed(alone, served, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", 2)
    url = f"{served.url}/{stores.HANGING}"
    assert refusal(alone, url) == expected_error(504, url, "Its host took too long.")


def test_a_process_ends_when_its_parent_is_gone(served):
    asked = json.dumps({"url": f"{served.url}/{stores.HANGING}", "trusted": True})
    ended = subprocess.run([sys.executable, "-I", module.PROGRAM, "1"], input=asked, text=True, env={})
    assert -ended.returncode in (signal.SIGALRM, signal.SIGKILL)  # SIGKILL if the imports already took a second


def test_a_process_that_crashes_is_502(alone, served, monkeypatch, tmp_path):
    (tmp_path / "program.py").write_text("import os; os.abort()")
    monkeypatch.setattr(module, "PROGRAM", tmp_path / "program.py")
    assert refusal(alone, served.url) == expected_error(
        502, served.url, "It needs more memory or time than the service allows."
    )


@pytest.mark.parametrize(
    "output", ["", "7", "not JSON", {}, {"html": 7}, {"html": "x" * (1024**2 + 1)}, {"error": "surprise"}, {"a": 1}]
)
def test_output_that_is_no_result_is_502(alone, served, monkeypatch, tmp_path, output):
    printed = output if isinstance(output, str) else json.dumps(output)
    (tmp_path / "program.py").write_text(f"print({printed!r})")
    monkeypatch.setattr(module, "PROGRAM", tmp_path / "program.py")
    assert refusal(alone, served.url) == expected_error(
        502, served.url, "It needs more memory or time than the service allows."
    )


def test_the_environment_of_the_process_has_no_secrets(alone, served, monkeypatch, tmp_path):
    monkeypatch.setenv("ENCRYPTION_SALT", "hunter2")
    (tmp_path / "program.py").write_text("import json, os; print(json.dumps({'html': str(dict(os.environ))}))")
    monkeypatch.setattr(module, "PROGRAM", tmp_path / "program.py")
    assert "hunter2" not in alone.html(served.url)


def test_tags_in_names_attributes_and_values_are_escaped(opener, served):
    seen = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: seen.extend([tag, *dict(attributes)])
    html = opener.html(f"{served.url}/tags.zarr")
    parser.feed(html)
    assert html.count("&lt;script&gt;alert(1)") >= 4
    assert not {"script", "img", "onerror", "src"} & set(seen)
    assert "div" in seen


def test_a_second_request_is_served_from_the_cache(opener, served):
    url = f"{served.url}/v2.zarr"
    first, before = opener.html(url), len(served.asked)
    assert before
    assert (opener.html(url), len(served.asked)) == (first, before)


def test_errors_are_cached_for_one_minute_and_results_for_ten(opened, fresh):
    now = fresh.cache.timer()
    assert fresh.cache.ttu(DATA, Result(error="late"), now) == now + 60
    assert fresh.cache.ttu(DATA, Result("<div></div>"), now) == now + 600


def test_the_cache_has_a_maximum_size(opened, fresh):
    module.run = lambda *_, **__: Result("x" * 2**20)
    for number in range(20):
        fresh.html(f"{DATA}{number}")
    assert fresh.cache.currsize <= module.CACHE_MAX
    assert len(fresh.cache) == 7


def test_six_requests_at_once_are_answered_by_two_processes_at_a_time(fresh, opened, monkeypatch):
    running, peak = [], []

    def run(url, **_):
        running.append(url)
        peak.append(len(running))
        sleep(0.01)
        running.remove(url)
        return Result(url)

    monkeypatch.setattr(module, "run", run)
    urls = [f"{DATA}{number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(fresh.html, urls)) == urls
    assert max(peak) <= module.PROCESSES_MAX


def test_a_request_in_the_queue_uses_no_connection_and_no_lock(app, client, fresh, opened):
    make_run(app, **PUBLISHED, dataset_public_url=DATA)
    occupy(fresh)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get, f"/repr/xarray/?url={DATA}")
        assert fresh.slots.asked.wait(live.PATIENCE)
        with app.app_context():
            assert db.engine.pool.checkedout() == 0
        assert not fresh.lock.locked()
        fresh.slots.release()
        assert waiting.result().status_code == 200


def test_a_request_that_waited_uses_what_another_has_opened(fresh, opened):
    occupy(fresh)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(fresh.html, DATA)
        assert fresh.slots.asked.wait(live.PATIENCE)
        fresh.cache[DATA] = Result("from the other")
        fresh.slots.release()
        assert waiting.result() == "from the other"
    assert opened == []


def test_a_request_that_waits_too_long_is_503_with_retry_after(app, client, fresh, opened, monkeypatch):
    make_run(app, **PUBLISHED, dataset_public_url=DATA)
    monkeypatch.setattr(module, "QUEUE_TIMEOUT", 0.01)
    occupy(fresh)
    answer = client.get(f"/repr/xarray/?url={DATA}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    fresh.slots.release()
    assert client.get(f"/repr/xarray/?url={DATA}").status_code == 200


def test_a_request_beyond_the_queue_is_503_at_once(fresh, opened):
    for _ in range(module.PROCESSES_MAX + module.QUEUE_MAX):
        assert fresh.queue.acquire(blocking=False)
    assert refusal(fresh, DATA) == (
        503,
        "The service is opening 2 datasets, and others wait. Try again in a few seconds.",
    )


def test_the_time_in_the_queue_is_part_of_the_time_limit(fresh, monkeypatch):
    given, clock = [], iter([100, 107])
    monkeypatch.setattr(module, "TIMEOUT", 20)
    monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    monkeypatch.setattr(module, "run", lambda _url, trusted, seconds: given.append(seconds) or Result("<div></div>"))
    fresh.html(DATA)
    assert given == [13]


@pytest.mark.parametrize(("waited", "kept"), [(0, True), (7, False)])
def test_a_dataset_that_had_less_time_because_of_the_queue_is_tried_again(fresh, monkeypatch, waited, kept):
    clock = iter([100, 100 + waited])
    monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    monkeypatch.setattr(module, "run", lambda *_, **__: Result(error="late"))
    assert refusal(fresh, DATA)[0] == 504
    assert (DATA in fresh.cache) is kept


@pytest.mark.parametrize("name", module.PACKAGES)
def test_without_the_extra_the_answer_is_501(app, client, opened, monkeypatch, name):
    make_run(app, **PUBLISHED, dataset_public_url=DATA)
    monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    answer = client.get(f"/repr/xarray/?url={DATA}")
    assert answer.status_code == 501
    assert answer.json["detail"] == "xarray is not installed here: pip install -r requirements/repr.txt."


def test_xarray_is_not_imported_at_boot():
    names = ("aiohttp", "fsspec", "numpy", "xarray", "zarr")
    script = f"import sys, wsgi; print([name for name in {names} if name in sys.modules])"
    assert live.python(environment("sqlite:///never-opened.sqlite"), script) == "[]\n"
