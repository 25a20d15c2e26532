"""Inspects a dataset. Each result is shown as soon as it is known, because a later one may need too much."""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import Any

from PIL import Image
from yarl import URL

from . import coordinates, picture, samples
from .description import Opened, describe, text
from .store import Store, StoreError, named_errors

# The module that opens each type. What it needs may be missing where the service runs.
MODULES = {
    "zarr": "opening",
    "kerchunk": "opening",
    "netcdf": "netcdf",
    "parquet": "parquet",
    "icechunk": "repositories",
    "references": "partitions",
}

Show = Callable[[dict[str, Any]], None]


def load(kind: str) -> Any:
    """Import the module that opens datasets of this kind, and what Pillow loads late. Raises ImportError."""
    Image.preinit()
    return import_module(f".{MODULES[kind]}", __package__)


def inspect(module: Any, url: str, trusted: bool, kind: str, snapshot_id: str | None, show: Show) -> None:
    """Show the description of the dataset at `url`, times that xarray cannot decode, a picture, samples, and whether
    browsers may read it.

    Of an Icechunk repository, that snapshot. Raises OtherKindError or StoreError if it cannot be opened.
    """
    objects: Iterable[str] = [url]
    options = {"snapshot_id": snapshot_id} if kind == "icechunk" else {}
    if kind == "parquet":
        show({"description": module.described(url, trusted)})
    else:
        with module.opened(url, trusted, kind, **options) as opened:
            objects = opened.objects
            show({"description": describe(opened)})
            _attempt("undecoded", partial(coordinates.undecoded, opened.dataset), show)
            _attempt("picture", partial(_picture, opened), show)  # first, because samples may use up the budget
            _attempt("samples", partial(samples.sampled, opened.dataset), show)
    _attempt("closed_hosts", lambda: asyncio.run(closed_hosts(url, trusted, objects)), show)


def _attempt(name: str, act: Callable[[], Any], show: Show) -> None:
    """Show the result of `act`, or the reason why there is none, a key of `app.repr.opener.ERRORS`."""
    try:
        with named_errors(Store("", trusted=False)):
            show({name: act()})
    except StoreError as error:
        show({name: {"error": str(error)}})


def _picture(opened: Opened) -> dict[str, str] | None:
    if not (found := picture.drawn(opened.dataset)):
        return None
    name, png = found
    return {"variable": text(name), "png": b64encode(png).decode()}


async def closed_hosts(url: str, trusted: bool, objects: Iterable[str]) -> list[str]:
    """Return the hosts of `objects` from which a browser does not let the page of another website read."""
    store = Store(url, trusted)
    try:
        return [str(URL(item).origin()) for item in objects if not await store.allows_browsers(URL(item))]
    finally:
        await store.close()
