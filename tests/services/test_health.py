"""The results of a check, and the rule for a dataset that is behind its own pace."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.services.health import UNOPENED, UNREACHABLE, Found, Result, examine, is_healthy
from app.services.pace import History, pace
from tests.support.live import ROOT

NOW = datetime(2026, 6, 30, tzinfo=UTC)
DAY = 86400.0
ZARR = {
    "variables": {"sst": {"shape": [3, 4], "coordinate": False}, "time": {"shape": [3], "coordinate": True}},
    "dimensions": {"time": 3, "x": 4},
    "engine": "zarr",
    "zarr_format": 2,
    "consolidated": True,
    "time_end": None,
    "time_step": None,
}
GOOD = {"description": ZARR, "samples": {"chunks": 3, "missing": 1}, "closed_hosts": []}


def check(history=None, **found):
    return examine(Found(**{"listed_as": "zarr", "kind": "zarr", **found}), history or History(), NOW)


def ago(days):
    return NOW - timedelta(days=days)


def kept(end, history, step=DAY, now=NOW):
    return pace({"time_end": end, "time_step": step}, history, now)[0]


def test_a_dataset_that_opens_and_has_values_is_healthy():
    results = check(**GOOD)
    assert is_healthy(results) is True
    assert [result.ok for result in results.values()] == [True, True, True, True, True, True, None]
    assert all(result.sentence.endswith(".") for result in results.values())


@pytest.mark.parametrize(("url", "opens"), [("https://a.org/a", False), ("HTTP://a/a", False), ("s3://a/a", True)])
def test_a_store_that_only_a_listing_can_open_does_not_open_over_http(url, opens):
    results = check(**GOOD | {"description": ZARR | {"consolidated": False}, "url": url})
    assert (results["opens"].ok, is_healthy(results)) == (opens, opens)


def test_a_store_below_a_query_does_not_open():
    assert check(**GOOD, url="https://a.org/a.zarr?version=1")["opens"].ok is False
    assert check(**GOOD | {"description": ZARR | {"engine": "h5netcdf"}}, url="https://a.org/a.nc?v=1")["opens"].ok


def test_a_dataset_whose_times_xarray_cannot_decode_does_not_open():
    result = check(**GOOD, undecoded=["time"])["opens"]
    assert (result.ok, "decode_times=False" in result.sentence) == (False, True)
    assert check(**GOOD, undecoded={"error": "large"})["opens"].ok is True


@pytest.mark.parametrize(("error", "bad"), [(key, bad) for key, (bad, _) in (UNREACHABLE | UNOPENED).items()])
def test_a_dataset_that_does_not_open_is_unhealthy_unless_the_service_is_the_reason(error, bad):
    results = check(error=error)
    assert is_healthy(results) is (False if bad else None)
    assert (UNREACHABLE | UNOPENED)[error][1] in {results["reachable"].sentence, results["opens"].sentence}


@pytest.mark.parametrize("error", ["crashed", "unsupported", "failed", "surprise"])
def test_a_host_that_may_not_have_been_asked_is_not_said_to_answer(error):
    results = check(error=error)
    assert results["reachable"] == results["opens"]
    assert (results["opens"].ok, is_healthy(results)) == (None, None)
    assert check(error="codec")["reachable"].ok is True


def test_every_error_of_the_program_has_a_sentence():
    sources = [path.read_text() for path in (ROOT / "app/repr").rglob("*.py")]
    raised = {key for text in sources for key in re.findall(r'(?:StoreError\(|else |kind, )"([a-z]{3,})"', text)}
    assert {"unlisted", "missing", "scheme", "unsupported", "ranges"} <= raised
    assert "parquet" in raised
    # These are types of datasets, but for `netcdf`, which only the program for /repr/xarray/ says as an error.
    assert raised - {"zarr", "kerchunk", "netcdf"} <= (UNREACHABLE | UNOPENED).keys()


@pytest.mark.parametrize("error", [None, "surprise"])
def test_an_unknown_error_is_that_of_a_crash(error):
    assert check(error=error)["opens"] == Result(None, UNOPENED["crashed"][1])


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({"description": ZARR | {"variables": {}}}, "It has no variables."),
        (
            {
                "description": ZARR
                | {"variables": {"a": {"shape": [0, 2], "coordinate": False}}, "dimensions": {"t": 0}}
            },
            "It has no values: the size of t is 0.",
        ),
        ({"samples": {"chunks": 3, "missing": 3}}, "It has no finite value in any of 3 chunks that were read."),
        ({"samples": {"error": "unreadable"}}, "Its values cannot be read."),
    ],
)
def test_a_dataset_without_values_is_unhealthy(found, sentence):
    results = check(**GOOD | found)
    assert (results["data"].ok, results["data"].sentence, is_healthy(results)) == (False, sentence, False)


def test_chunks_without_values_are_no_reason_if_the_picture_shows_some():
    results = check(**GOOD | {"samples": {"chunks": 3, "missing": 3}, "has_picture": True})
    assert results["data"].ok


@pytest.mark.parametrize("samples", [{"error": "large"}, {"error": "unreadable"}, {"chunks": 0, "missing": 0}])
def test_a_picture_shows_that_there_are_values(samples):
    assert check(**GOOD | {"samples": samples, "has_picture": True})["data"].ok


def test_values_of_icechunk_that_cannot_be_read_are_not_known_because_they_may_be_virtual():
    results = check(**GOOD | {"samples": {"error": "unreadable"}, "kind": "icechunk", "listed_as": "icechunk"})
    assert (results["data"].ok, is_healthy(results)) == (None, True)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("type", {"listed_as": "netcdf"}),
        ("consolidated", {"description": ZARR | {"consolidated": False}}),
        ("browsers", {"closed_hosts": ["https://data.org"]}),
    ],
)
def test_advice_does_not_make_a_dataset_unhealthy(name, found):
    results = check(**GOOD | found)
    assert (results[name].ok, is_healthy(results)) == (False, True)


def test_a_dataset_that_grew_and_stopped_is_behind():
    grew = History([(ago(120), ago(121)), (ago(110), ago(111)), (ago(103), ago(104))])
    assert kept(ago(104), grew) is False
    results = check(**GOOD | {"description": ZARR | {"time_end": ago(104)}}, history=grew)
    assert results["pace"].sentence == (
        "Its last time step is 2026-03-18. It is behind: it is 104 days old, usually at most 11 days."
    )
    assert is_healthy(results) is False


def test_a_dataset_that_grows_late_but_always_keeps_its_pace():
    months = History([(ago(90), ago(150)), (ago(60), ago(120)), (ago(30), ago(90))])
    assert kept(ago(60), months, step=30 * DAY) is True
    assert kept(ago(90), months, step=30 * DAY, now=NOW + timedelta(days=80)) is True


def test_a_dataset_that_was_never_seen_to_grow_has_no_pace():
    assert kept(ago(9000), History([(ago(300), ago(9000)), (ago(10), ago(9000))])) is None
    assert kept(ago(200), History([(ago(100), ago(200))], ago(199), ago(199), 1)) is None


def test_a_dataset_that_ended_long_ago_is_not_behind():
    assert kept(ago(400), History([(ago(500), ago(501)), (ago(390), ago(400))])) is False
    assert kept(ago(800), History([(ago(810), ago(811)), (ago(799), ago(800))])) is None


def test_a_dataset_that_was_built_again_and_again_has_a_pace_at_its_first_check():
    assert kept(ago(3), History((), ago(60), ago(2), 54)) is True
    assert kept(ago(50), History((), ago(100), ago(49), 52)) is False
    assert kept(ago(4000), History((), ago(100), ago(49), 52)) is None


def test_a_dataset_with_times_in_the_future_has_no_pace():
    assert kept(ago(-30000), History([(ago(9), ago(-29999))])) is None
