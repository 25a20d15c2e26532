"""Runs the program to inspect a dataset: its description, samples of its values, a picture, and who may read it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import orjson

from app.repr import opener, process

# The packages that open each type. A deployment may leave them out.
PACKAGES = {
    "zarr": (*opener.PACKAGES, "PIL"),
    "kerchunk": (*opener.PACKAGES, "PIL"),
    "netcdf": (*opener.PACKAGES, "PIL", "h5netcdf", "pyfive"),
    "parquet": (*opener.PACKAGES, "PIL", "pyarrow"),
    "references": (*opener.PACKAGES, "PIL", "pyarrow"),  # Kerchunk in Parquet
    "icechunk": (*opener.PACKAGES, "PIL", "icechunk"),
}
KINDS_MAX = 3  # types that are tried
KIND = "zarr"  # of a dataset whose type is not known; the program says if it is another


@dataclass(frozen=True)
class Inspection:
    """The type of the dataset, why it was not opened or None, and what the program showed, by name."""

    kind: str
    error: str | None = None
    results: dict[str, Any] = field(default_factory=dict)


def is_trusted(allows: Callable[[str], bool], url: str) -> bool:
    """Whether the host of `url` is one that the operators trust, as `allows` says of urls over HTTP."""
    return _address(url) is not None and allows(url)


def inspect(
    url: str, dataset_type: str | None, trusted: bool, seconds: int, snapshot_id: str | None = None
) -> Inspection:
    """Inspect the dataset at `url` for at most `seconds`, again if it is of another type than expected.

    `snapshot_id` is that of an Icechunk repository; without it, the newest snapshot is inspected.
    """
    address, kind, end = _address(url), dataset_type or KIND, monotonic() + seconds
    if address is None:
        return Inspection(kind, "scheme")
    for _ in range(KINDS_MAX):
        asked = {"url": address, "trusted": trusted, "kind": kind, "snapshot_id": snapshot_id}
        found = _run(asked, max(round(end - monotonic()), 1))
        if (other := _kind(found.results.get("kind"))) is None:
            return found
        kind = other
    return Inspection(kind, "unreadable")


def _address(url: str) -> str | None:
    """Return the url over HTTP; None if there is none. The catalogue has any text that a client has sent."""
    address = opener.over_http(url)
    try:
        parts = urlsplit(address)
        return address if parts.scheme in opener.PORTS and parts.hostname and parts.port != 0 else None
    except ValueError:  # for example a port that is no number
        return None


def _run(asked: dict[str, Any], seconds: int) -> Inspection:
    kind = asked["kind"]
    if not all(find_spec(name) for name in PACKAGES[kind]):
        return Inspection(kind, "unsupported")
    output = process.run(opener.PROGRAM, asked, seconds)
    return _inspection(kind, output.written, output.error)


def _inspection(kind: str, output: bytes, error: str | None) -> Inspection:
    """Return the results of a program that may have been ended in the middle of a line.

    A store may have taken over the program, so its output may be anything. The caller checks the results.
    """
    results: dict[str, Any] = {}
    for line in output.splitlines(keepends=True):
        if line.endswith(b"\n"):
            shown = _json_object(line)
            if shown is None:
                return Inspection(kind, "crashed")
            results |= shown
    description, word = results.get("description"), results.pop("error", None)
    # One module opens Zarr and Kerchunk, so the engine says which of them it is.
    engine = _kind(description.get("engine")) if isinstance(description, dict) else None
    return Inspection(engine or kind, error if word is None else str(word), results)


def _json_object(line: bytes) -> dict[str, Any] | None:
    """Return the object in `line`; None if there is another value, or one that databases cannot store, such as NaN."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _kind(value: Any) -> str | None:
    """Return `value` if it is a type of datasets."""
    return value if isinstance(value, str) and value in PACKAGES else None
