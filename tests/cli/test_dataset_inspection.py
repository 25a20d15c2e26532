"""`flask datasets inspect`."""

from base64 import b64encode
from threading import Lock
from time import sleep
from typing import Any

import pytest

from app.cli import dataset_inspection as command
from app.extensions import db
from app.models import DatasetCheck, DatasetDescription, DatasetHealth, DatasetThumbnail
from app.repr import inspector
from app.repr.inspector import Inspection
from app.repr.opener import Opener
from app.schemas.dataset_inspections import PICTURE_MAX
from app.services import dataset_descriptions
from tests.support import buckets, live
from tests.support.databases import on_sqlite
from tests.support.inspections import DESCRIPTION, inspection, make_dataset

CRASHED = "Its inspection needs more memory or time than this service allows."
FAILED = "This service could not inspect it, because of an error in the service itself."
TABLE_HEAD = ["verdict", "datasets", "reason"]


@pytest.fixture
def inspected(monkeypatch):
    """The urls that would have been inspected, each with its type, and the result for each url."""
    asked, results = [], {}

    def inspect(url, dataset_type, trusted, seconds, snapshot_id):
        asked.append((url, dataset_type))
        return results.get(url, inspection())

    monkeypatch.setattr(inspector, "inspect", inspect)
    return asked, results


def run(app, *arguments):
    """The lines of the table that the command prints, in words of the first two columns and the reason."""
    result = app.test_cli_runner().invoke(args=["datasets", "inspect", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    start = next(number for number, line in enumerate(lines) if line.split() == TABLE_HEAD)
    return [line.split(maxsplit=2) for line in lines[start + 1 :]]


def count(app, model):
    with app.app_context():
        return db.session.query(model).count()


def picture(rest, variable="sst"):
    """A picture, as the program shows it."""
    return {"png": b64encode(b"\x89PNG\r\n\x1a\n" + rest).decode(), "variable": variable}


INVALID: dict[str, list[Any]] = {
    "picture": [
        *(7, "abc", [], {"error": 7}, picture(b"x" * PICTURE_MAX), picture(b"", None), picture(b"", "x" * 1000)),
        *({"png": png, "variable": "sst"} for png in (7, "abc", "ö", "AAAA")),
    ],
    "samples": [{"chunks": 1}, {"chunks": "1", "missing": 0}, [1, 0], {"error": None}],
    "closed_hosts": [[1], ["https://a.org"] * 11, ["x" * 301], "https://a.org", {"error": "large", "surprise": 1}],
}


def make_datasets(app, number):
    return [make_dataset(app, dataset_public_url=f"https://data.example.org/{n}") for n in range(number)]


def test_all_datasets_are_inspected_and_counted_by_verdict_and_reason(app, inspected):
    make_datasets(app, 5)
    inspected[1].update({f"https://data.example.org/{n}": Inspection("zarr", "unreachable") for n in (1, 3)})
    inspected[1]["https://data.example.org/4"] = Inspection("zarr", "large")
    assert run(app) == [
        ["healthy", "2"],
        ["unhealthy", "2", "Its host cannot be reached, or answered with an error."],
        ["unknown", "1", "It is too large to be inspected by this service."],
        ["total", "5"],
    ]
    assert [count(app, model) for model in (DatasetDescription, DatasetCheck, DatasetHealth)] == [2, 5, 5]


def test_some_datasets_are_inspected_by_id(app, inspected):
    ids = make_datasets(app, 3)
    assert run(app, ids[2], ids[0])[-1] == ["total", "2"]
    assert sorted(inspected[0]) == [("https://data.example.org/0", "zarr"), ("https://data.example.org/2", "zarr")]


def test_a_dataset_that_is_withdrawn_is_named_and_not_inspected(app, admin, inspected):
    known, gone = make_datasets(app, 2)
    admin.delete(f"/recipe_runs/{gone}")
    result = app.test_cli_runner().invoke(args=["datasets", "inspect", str(known), str(gone)])
    assert (result.exit_code, result.stderr) == (0, f"dataset {gone} is withdrawn, so it is not inspected\n")
    assert len(inspected[0]) == 1


def test_an_id_that_no_dataset_has_is_an_error(app, inspected):
    [known] = make_datasets(app, 1)
    result = app.test_cli_runner().invoke(args=["datasets", "inspect", str(known), "99999"])
    assert (result.exit_code, result.output) == (1, "Error: dataset 99999 not found\n")
    assert inspected[0] == []


def test_an_interrupted_inspection_goes_on_with_those_that_are_stale(app, inspected):
    make_datasets(app, 3)
    assert run(app, "--limit", 2)[-1] == ["total", "2"]
    assert run(app, "--stale", 1)[-1] == ["total", "1"]
    assert run(app, "--stale", 1)[-1] == ["total", "0"]
    assert len(set(inspected[0])) == len(inspected[0]) == 3


def test_no_inspection_begins_after_the_time(app, inspected, monkeypatch):
    make_datasets(app, 3)
    clock = iter([0, 1, 2, 3, 11, *[12] * 99])
    monkeypatch.setattr(command, "monotonic", lambda: next(clock))
    run(app, "--time", 10, "--concurrency", 1)
    assert 0 < len(inspected[0]) < 3


def test_several_are_inspected_at_once_but_no_more_than_the_limit(app, monkeypatch):
    make_datasets(app, 6)
    running, peak, lock = [], [], Lock()

    def inspect(url, *_):
        with lock:
            running.append(url)
            peak.append(len(running))
        sleep(0.05)
        running.remove(url)
        return inspection()

    monkeypatch.setattr(inspector, "inspect", inspect)
    assert run(app, "--concurrency", 3)[-1] == ["total", "6"]
    assert max(peak) <= 3


def test_a_dataset_that_another_command_inspects_is_left_to_it(app, inspected):
    first = make_datasets(app, 2)[0]
    with app.app_context():
        other = command.Queue([first], command.now(), None, None)
        assert other.next().id == first
    assert run(app)[-1] == ["total", "1"]
    assert inspected[0] == [("https://data.example.org/1", "zarr")]


@pytest.mark.parametrize(
    "results",
    [{"description": {"engine": 1}}, {"description": DESCRIPTION | {"west": 999}}, {"samples": 7}, {"surprise": 1}, {}],
)
def test_output_that_is_not_valid_is_not_stored(app, inspected, results):
    make_datasets(app, 1)
    inspected[1]["https://data.example.org/0"] = Inspection("zarr", None, results)
    assert run(app) == [["unknown", "1", CRASHED], ["total", "1"]]
    assert count(app, DatasetDescription) == 0


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in INVALID.items() for value in values])
def test_a_description_with_other_results_that_are_not_valid_is_not_stored(app, inspected, name, value):
    make_datasets(app, 1)
    inspected[1]["https://data.example.org/0"] = inspection(**{name: value})
    assert run(app) == [["unknown", "1", CRASHED], ["total", "1"]]
    assert count(app, DatasetDescription) == 0


def test_results_that_a_limit_prevents_are_stored_as_unknown(app, client, inspected):
    [id] = make_datasets(app, 1)
    late = {name: {"error": "large"} for name in ("samples", "closed_hosts", "picture")}
    inspected[1]["https://data.example.org/0"] = inspection(**late)
    assert run(app) == [["healthy", "1"], ["total", "1"]]
    results = client.get(f"/datasets/{id}/checks").json[0]["results"]
    assert [results[name]["ok"] for name in ("data", "browsers")] == [None, None]


@pytest.fixture(params=["inspecting", "storing"])
def failing(request, monkeypatch):
    """Makes the inspection of the first dataset of `make_datasets` fail in two places, with an error of ours."""
    url, record = "https://data.example.org/0", dataset_descriptions.record

    def fail_to_inspect(asked, *_):
        if asked == url and request.param == "inspecting":
            raise ZeroDivisionError
        return inspection()

    def fail_to_store(task, found, *rest):
        if task.url == url and found.error is None:
            raise ZeroDivisionError
        return record(task, found, *rest)

    monkeypatch.setattr(inspector, "inspect", fail_to_inspect)
    monkeypatch.setattr(dataset_descriptions, "record", fail_to_store)


@pytest.mark.usefixtures("failing")
def test_an_unexpected_error_fails_only_its_dataset_and_is_logged(app, client, caplog):
    first, *_ = make_datasets(app, 3)
    assert run(app, "--concurrency", 1) == [["healthy", "2"], ["unknown", "1", FAILED], ["total", "3"]]
    assert "inspecting a dataset failed" in caplog.text
    assert "raise ZeroDivisionError" in caplog.text
    results = client.get(f"/datasets/{first}/checks").json[0]["results"]
    assert results["reachable"] == {"ok": None, "sentence": FAILED}
    assert results["opens"] == {"ok": None, "sentence": FAILED}


@on_sqlite  # a process starts in a second, and what it does does not depend on the database
def test_a_real_store_gets_a_description_a_verdict_and_a_picture(app, client, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "SECONDS", live.PATIENCE)
    (tmp_path / "open").mkdir()
    buckets.globe().to_zarr(tmp_path / "open/globe.zarr", zarr_format=2, consolidated=True)
    with buckets.server(tmp_path) as server:
        monkeypatch.setitem(app.extensions, "repr", Opener([server.host]))
        id = make_dataset(app, dataset_public_url=f"{server.url}/open/globe.zarr")
        assert run(app) == [["healthy", "1"], ["total", "1"]]
    found = client.get(f"/datasets/{id}/description").json
    assert (found["west"], found["time_end"], found["consolidated"]) == (-180.0, "2000-01-03T00:00:00Z", True)
    [check] = client.get(f"/datasets/{id}/checks").json
    assert {name: result["ok"] for name, result in check["results"].items()} == {
        **dict.fromkeys(("reachable", "opens", "type", "data", "consolidated", "browsers"), True),
        "pace": None,
    }
    assert client.get(f"/datasets/{id}/thumbnail.png").data.startswith(b"\x89PNG")
    assert count(app, DatasetThumbnail) == 1
