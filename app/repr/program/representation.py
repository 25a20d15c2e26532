"""The HTML representation of a dataset by xarray."""

import asyncio
from typing import Any

import xarray
from zarr.storage import FsspecStore

from .references import read_references
from .store import Store, StoreError, named_errors

HTML_MAX = 1024**2  # characters
NUMBERS = "<p>Times are shown as numbers, because xarray cannot decode their units or their calendar.</p>"


def representation(url: str, trusted: bool) -> str:
    """Return the HTML of the Zarr store or of the Kerchunk references at `url`."""
    store = Store(url, trusted)
    try:
        return html(store)
    except StoreError as error:
        if str(error) not in ("missing", "denied"):
            raise
    return html(Store(url, trusted, asyncio.run(read_references(url, trusted))))


def html(store: Store) -> str:
    """Return the HTML of `store`. xarray reads only the metadata and the index coordinates."""
    with named_errors(store):
        try:
            text = _html(store)
        except FileNotFoundError:
            raise
        except ValueError:  # for example for `months since 1990-01-01`
            text = NUMBERS + _html(store, decode_times=False)
    if len(text) > HTML_MAX:
        raise StoreError("large")
    return text


def _html(store: Store, decode_times: bool = True) -> str:
    # Any, because the types of xarray do not include Zarr stores
    below: Any = FsspecStore(store, read_only=True, path="")
    options: Any = {"engine": "zarr", "consolidated": True, "cache": False}
    with xarray.open_dataset(below, decode_times=decode_times, **options) as dataset:
        return str(dataset._repr_html_())
