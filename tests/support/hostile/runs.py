"""Hostile recipe runs, most of them with invalid times."""

import json

from tests.support.hostile import SEND, invalid
from tests.support.unknown import unknown

NOT_A_TIME = "Must be an RFC 3339 timestamp, such as 2022-03-03T02:29:54Z."
OUT_OF_RANGE = "Must be between the years 1 and 9999 in UTC."
CONCLUSIONS = "conclusion: Must be one of: action_required, cancelled, failure, neutral, success, skipped, stale, "
CONCLUSIONS += "timed_out."
RUN = {"recipe_id": "r", "bakery_id": 1, "feedstock_id": 1, "head_sha": "s", "version": "1"}


def run(started_at="2021-01-01T00:00:00Z", **fields):
    """The body of a run with these fields."""
    return json.dumps(RUN | {"started_at": started_at} | fields).encode()


# The body of a run, and the errors by pointer.
RUNS = {
    "a run of numbers": (
        run(recipe_id=5, head_sha=1.5, version=True),
        {
            "/recipe_id": "recipe_id: Not a valid string.",
            "/head_sha": "head_sha: Not a valid string.",
            "/version": "version: Not a valid string.",
        },
    ),
    "a run of NaN as text": (run(bakery_id="NaN"), {"/bakery_id": "bakery_id: Not a valid integer."}),
    "a parent in a string": (
        run(bakery_id="1", feedstock_id=" 1 "),
        {"/bakery_id": "bakery_id: Not a valid integer.", "/feedstock_id": "feedstock_id: Not a valid integer."},
    ),
    "a parent with a fraction": (
        run(bakery_id=1.9, feedstock_id=1.0),
        {"/bakery_id": "bakery_id: Not a valid integer.", "/feedstock_id": "feedstock_id: Not a valid integer."},
    ),
    "a parent that is true": (
        run(bakery_id=True, feedstock_id=False),
        {"/bakery_id": "bakery_id: Not a valid integer.", "/feedstock_id": "feedstock_id: Not a valid integer."},
    ),
    "a parent in a list": (
        run(bakery_id=[1], feedstock_id={}),
        {"/bakery_id": "bakery_id: Not a valid integer.", "/feedstock_id": "feedstock_id: Not a valid integer."},
    ),
    "a parent of 0": (
        run(bakery_id=0, feedstock_id=-1),
        {
            "/bakery_id": "bakery_id: Must be greater than or equal to 1 and less than or equal to 2147483647.",
            "/feedstock_id": "feedstock_id: Must be greater than or equal to 1 and less than or equal to 2147483647.",
        },
    ),
    "a parent of 2^31": (
        run(bakery_id=2**31, feedstock_id=2**31),
        {
            "/bakery_id": "bakery_id: Must be greater than or equal to 1 and less than or equal to 2147483647.",
            "/feedstock_id": "feedstock_id: Must be greater than or equal to 1 and less than or equal to 2147483647.",
        },
    ),
    "a parent of 2^64 - 1": (
        run(bakery_id=2**64 - 1),
        {"/bakery_id": "bakery_id: Must be greater than or equal to 1 and less than or equal to 2147483647."},
    ),
    "a parent of 10^40": (run(bakery_id=10**40), {"/bakery_id": "bakery_id: Not a valid integer."}),
    "a missing parent": (
        run(bakery_id=99, feedstock_id=98),
        {"/bakery_id": "bakery 99 not found", "/feedstock_id": "feedstock 98 not found"},
    ),
    "unknown states": (
        run(status="QUEUED", conclusion="", dataset_type="ZARR"),
        {
            "/conclusion": CONCLUSIONS,
            "/status": "status: Must be one of: queued, in_progress, completed.",
            "/dataset_type": "dataset_type: Must be one of: zarr, kerchunk, parquet, netcdf, icechunk.",
        },
    ),
    "a status that is a number": (
        run(status=1, conclusion=True),
        {"/conclusion": "conclusion: Not a valid string.", "/status": "status: Not a valid string."},
    ),
    "a test of yes": (run(is_test="yes"), {"/is_test": "is_test: Not a valid boolean."}),
    "a flag of one": (run(is_test=1), {"/is_test": "is_test: Not a valid boolean."}),
    "null in fields that are not nullable": (
        run(status=None, is_test=None, recipe_id=None),
        {
            "/recipe_id": "recipe_id: Field may not be null.",
            "/status": "status: Field may not be null.",
            "/is_test": "is_test: Field may not be null.",
        },
    ),
    "an end without a conclusion": (
        run(status="completed"),
        {"/conclusion": "conclusion: Required when a run completes."},
    ),
    "a conclusion of a queued run": (
        run(status="queued", conclusion="success"),
        {"/conclusion": "conclusion: Only a completed run can have this field, and the run would be queued."},
    ),
    "a conclusion for the service alone": (
        run(conclusion="stale"),
        {"/conclusion": "conclusion: Only the service itself can set the conclusion stale."},
    ),
    "an end before the start": (
        run(conclusion="success", completed_at="2020-01-01T00:00:00Z"),
        {"/completed_at": "completed_at: Must not be before started_at."},
    ),
    "fields that are nested": (
        run(bakery={"id": 1}, feedstock={"id": 1}, id=7),
        {
            "/bakery": unknown("bakery", "bakery_id"),
            "/feedstock": unknown("feedstock", "feedstock_id"),
            "/id": unknown("id"),
        },
    ),
    "a message of 100,001 characters": (
        run(message="x" * 100_001),
        {"/message": "message: Length must be between 0 and 100000."},
    ),
    "a rerun of a missing run": (run(rerun_of=99), {"/rerun_of": "recipe run 99 not found"}),
}
# A value of started_at, and the sentence about it.
TIMES = {
    "a date": ("2021-01-01", NOT_A_TIME),
    "a time without minutes": ("2021-01-01T00Z", NOT_A_TIME),
    "a time without seconds": ("2021-01-01T00:00Z", NOT_A_TIME),
    "a time in basic format": ("20210101T000000Z", NOT_A_TIME),
    "a time in a week": ("2021-W01-1T00:00:00Z", NOT_A_TIME),
    "a time with a comma": ("2021-01-01T00:00:00,5Z", NOT_A_TIME),
    "the 30th of February": ("2021-02-30T00:00:00Z", NOT_A_TIME),
    "a leap second": ("2021-01-01T00:00:60Z", NOT_A_TIME),
    "24 o'clock": ("2021-01-01T24:00:00Z", NOT_A_TIME),
    "the year 10000": ("10000-01-01T00:00:00Z", NOT_A_TIME),
    "the year 0": ("0000-01-01T00:00:00Z", NOT_A_TIME),
    "a time between blanks": (" 2021-01-01T00:00:00Z ", NOT_A_TIME),
    "an empty time": ("", NOT_A_TIME),
    "a time of now": ("now", NOT_A_TIME),
    "infinity as a time": ("infinity", NOT_A_TIME),
    "a number as a time": (0, NOT_A_TIME),
    "a numeric string as a time": ("1609459200", NOT_A_TIME),
    "true as a time": (True, NOT_A_TIME),
    "a list as a time": ([], NOT_A_TIME),
    "an offset of 24 hours": ("2021-01-01T00:00:00+24:00", NOT_A_TIME),
    "a short offset": ("2021-01-01T00:00:00+02", NOT_A_TIME),
    "an offset without a colon": ("2021-01-01T00:00:00+0530", NOT_A_TIME),
    "a time past the last year in UTC": ("9999-12-31T23:59:59-01:00", OUT_OF_RANGE),
    "a time before the first year in UTC": ("0001-01-01T00:00:00+01:00", OUT_OF_RANGE),
    "digits of another script": ("\u0662021-01-01T00:00:00Z", NOT_A_TIME),
}

REQUESTS = {
    name: (("POST", "/recipe_runs/", SEND, body), invalid("body", sentences))
    for name, (body, sentences) in RUNS.items()
} | {
    name: (
        ("POST", "/recipe_runs/", SEND, run(started_at=value)),
        invalid("body", {"/started_at": f"started_at: {sentence}"}),
    )
    for name, (value, sentence) in TIMES.items()
}
