"""The health of a dataset: what an inspection found, as results with sentences that a scientist understands.

A dataset is healthy if none of the DECISIVE results is bad and it was opened. It is not known to be healthy if this
service could not look, for example because of a limit or an error. The other results are advice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.services.pace import History, pace

DECISIVE = ("reachable", "opens", "data", "pace")


@dataclass(frozen=True)
class Result:
    """`ok` is None if it is not known, or does not apply."""

    ok: bool | None
    sentence: str


@dataclass(frozen=True)
class Found:
    """What an inspection found: `error` is the reason why the dataset was not opened, a key of the sentences below. Any
    other word means a crash.

    `listed_as` is the type in the catalogue, `kind` the one that the dataset has. `samples` and `closed_hosts` are what
    the program shows (`app.repr.program.inspection`); they are None or have an `error` if they are not known.
    `has_picture` is None if no picture was drawn because of a limit. `undecoded` are variables with times that xarray
    cannot decode.
    """

    listed_as: str | None
    kind: str
    error: str | None = None
    description: Mapping[str, Any] | None = None
    samples: Mapping[str, Any] | None = None
    closed_hosts: Any = None
    has_picture: bool | None = False
    undecoded: Any = None
    url: str = ""


# Why a dataset was not reached, and why it was not opened. With True it is the fault of the dataset or its host.
UNREACHABLE = {
    "missing": (True, "There is nothing at its url."),
    "denied": (True, "Its host does not allow public access."),
    "private": (True, "Its url leads to an address that is not public."),
    "unreachable": (True, "Its host cannot be reached, or answered with an error."),
    "late": (True, "Its host did not answer in time."),
    "scheme": (False, "This service does not read urls of this form."),
}
UNOPENED = {
    "unreadable": (True, "There is something at its url, but not a dataset that xarray opens."),
    "unlisted": (
        True,
        "It is a Zarr store without consolidated metadata, and its host does not list objects. xarray opens it without "
        "an error, but as a dataset without variables.",
    ),
    "truncated": (True, "Its file is shorter than its header says, so a part of it is missing."),
    "groups": (False, "Its variables are in groups below its root, which this service does not describe."),
    "array": (True, "It is a single Zarr array. xarray opens groups of arrays."),
    "parquet": (False, "It has Kerchunk references in Parquet, in a form that this service does not read."),
    "codec": (False, "It is compressed or encoded by a codec that this service does not run."),
    "large": (False, "It is too large to be inspected by this service."),
    "crashed": (False, "Its inspection needs more memory or time than this service allows."),
    "ranges": (False, "Its host sends whole files only, and this file is too large for that."),
    "unsupported": (False, "This service does not inspect datasets of this type."),
    "failed": (False, "This service could not inspect it, because of an error in the service itself."),
}
UNASKED = ("crashed", "unsupported", "failed")  # after these it is not known whether its host was asked
UNLISTED = (
    "It is a Zarr store without consolidated metadata. From this url, xarray opens it without an error, but as a "
    "dataset without variables."
)
SUMMARIES = {"data": "It has no values.", "pace": "It is behind its own pace."}
NOT_READ = Result(None, "It was not opened, so this is not known.")


def examine(found: Found, history: History, now: datetime) -> dict[str, Result]:
    """Return the results by name, in the order in which they are shown."""
    results = {"reachable": _reachable(found), "opens": _opens(found)}
    if found.description is None:
        return results | dict.fromkeys(("type", "data", "consolidated", "browsers", "pace"), NOT_READ)
    return results | {
        "type": _type(found),
        "data": _data(found, found.description),
        "consolidated": _consolidated(found.description),
        "browsers": _browsers(found.closed_hosts),
        "pace": Result(*pace(found.description, history, now)),
    }


def is_healthy(results: Mapping[str, Result]) -> bool | None:
    """Return whether the dataset is healthy; None if that is not known."""
    if any(results[name].ok is False for name in DECISIVE):
        return False
    return True if results["reachable"].ok and results["opens"].ok else None


def reason(results: Mapping[str, Result], healthy: bool | None) -> str:
    """Return why a dataset is not healthy, or why that is not known. The same reasons have the same sentence."""
    found = [SUMMARIES.get(name, results[name].sentence) for name in DECISIVE if results[name].ok is healthy]
    return found[0] if found and not healthy else ""


def _reachable(found: Found) -> Result:
    if found.description is None and found.error in UNREACHABLE:
        bad, sentence = UNREACHABLE[found.error]
        return Result(False if bad else None, sentence)
    if found.description is None and _reason_unopened(found) in UNASKED:
        return _opens(found)
    return Result(True, "Its host answers.")


def _opens(found: Found) -> Result:
    if found.description is not None:
        return _opens_for_clients(found, found.description)
    if found.error in UNREACHABLE:
        return NOT_READ
    bad, sentence = UNOPENED[_reason_unopened(found)]
    return Result(False if bad else None, sentence)


def _opens_for_clients(found: Found, description: Mapping[str, Any]) -> Result:
    """Return whether xarray opens it as its code says. The inspection reads more than a client does."""
    scheme = found.url.partition(":")[0].lower()
    if description["engine"] == "zarr" and description["consolidated"] is False and scheme in ("http", "https"):
        return Result(False, UNLISTED)  # a client cannot list objects over HTTP
    if description["engine"] == "zarr" and set(found.url) & {"?", "#"}:
        return Result(False, "xarray finds no objects below a url with a query or a fragment.")
    if isinstance(found.undecoded, list) and found.undecoded:
        return Result(False, "xarray opens it with decode_times=False only, because it cannot decode its times.")
    return Result(True, f"It opens: {_engine(description)}.")


def _reason_unopened(found: Found) -> str:
    """Return the key of UNOPENED."""
    return found.error if found.error in UNOPENED else "crashed"


def _engine(description: Mapping[str, Any]) -> str:
    engine, zarr_format = description["engine"], description["zarr_format"]
    return f"as Zarr {zarr_format}" if engine == "zarr" else f"with the engine {engine}"


def _type(found: Found) -> Result:
    if found.listed_as == found.kind:
        return Result(True, f"It is {found.kind}, as the catalogue says.")
    if found.listed_as is None:
        return Result(None, f"The catalogue does not say its type. It is {found.kind}.")
    return Result(False, f"The catalogue says {found.listed_as}, but it is {found.kind}.")


def _data(found: Found, description: Mapping[str, Any]) -> Result:
    variables: Sequence[Mapping[str, Any]] = list(description["variables"].values())
    data = [variable for variable in variables if not variable["coordinate"]] or variables
    if not variables:
        return Result(False, "It has no variables.")
    if all(0 in variable["shape"] for variable in data):
        empty = sorted(name for name, size in description["dimensions"].items() if size == 0)
        return Result(False, f"It has no values: the size of {', '.join(empty) or 'a dimension'} is 0.")
    return _sampled(found) if found.samples else Result(None, "Its values were not read.")


def _sampled(found: Found) -> Result:
    samples = found.samples or {}
    if found.has_picture and ("error" in samples or not samples["chunks"]):
        return Result(True, "It has values, which its picture shows.")
    if error := samples.get("error"):
        bad, sentence = UNOPENED.get(error, (True, ""))
        if bad and found.kind != "icechunk":  # it may have virtual chunks, which this service does not read
            return Result(False, "Its values cannot be read.")
        return Result(None, f"Its values were not read. {'' if bad else sentence}".rstrip())
    chunks, missing = samples["chunks"], samples["missing"]
    if not chunks:
        return Result(
            None, "Its values were not read: no variable has numbers along a dimension in chunks that are small enough."
        )
    if chunks == missing and not found.has_picture:
        return Result(False, f"It has no finite value in any of {chunks} chunks that were read.")
    return Result(True, f"It has values in {chunks - missing} of {chunks} chunks that were read.")


def _consolidated(description: Mapping[str, Any]) -> Result:
    if description["engine"] != "zarr":
        return Result(None, "This is about Zarr stores only.")
    if description["consolidated"]:
        return Result(True, "A client reads its metadata with one request.")
    return Result(False, "Its metadata is not consolidated. A client has to list its objects, which few hosts allow.")


def _browsers(closed_hosts: Any) -> Result:
    if not isinstance(closed_hosts, list):
        return Result(None, "It is not known whether a web page can read it.")
    if closed_hosts:
        hosts = " and ".join(closed_hosts)
        return Result(False, f"A web page cannot read it: {hosts} does not send Access-Control-Allow-Origin.")
    return Result(True, "A web page can read it: its host sends Access-Control-Allow-Origin.")
