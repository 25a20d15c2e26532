"""Opens Icechunk repositories.

The library connects by itself, to any address. So it gets the address of a server in this process, which reads from the
store as all the other modules do: from public addresses, and within the budget. Virtual chunks, which are in other
files, are not read.
"""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import icechunk
import xarray
import zarr
from aiohttp import web
from zarr.errors import GroupNotFoundError

from .description import Opened
from .layout import ICECHUNK, find
from .opening import LAZY
from .store import OtherKindError, Store, StoreError, named_errors

BUCKET = "repository"
RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})")
# What the library requires of every answer.
HEADERS = {"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT"}
OPTIONS: dict[str, Any] = {"region": "us-east-1", "allow_http": True, "anonymous": True, "force_path_style": True}


@contextmanager
def opened(url: str, trusted: bool, kind: str, snapshot_id: str | None = None) -> Iterator[Opened]:
    """Yield that snapshot of the repository at `url`, by default the newest one of its main branch.

    Raises OtherKindError or StoreError.
    """
    store = Store(url, trusted)
    with named_errors(store), asyncio.Runner() as runner:
        layout = runner.run(find(store, file_first=False))
        runner.run(store.close())
        if layout.kind != kind:
            raise OtherKindError(layout.kind)
    store = Store(url, trusted)
    with named_errors(store), bucket(store) as port:
        endpoint = f"http://127.0.0.1:{port}"
        storage = icechunk.s3_storage(bucket=BUCKET, prefix="", endpoint_url=endpoint, **OPTIONS)
        wanted: Any = {"snapshot_id": snapshot_id} if snapshot_id else {"branch": "main"}
        session = icechunk.Repository.open(storage).readonly_session(**wanted)
        below: Any = session.store
        _require_group(below)
        with xarray.open_dataset(below, engine="zarr", consolidated=False, zarr_format=3, **LAZY) as dataset:
            objects = [str(store.below(ICECHUNK))]
            yield Opened(dataset, "icechunk", objects, zarr_format=3, snapshot_id=session.snapshot_id)


def _require_group(below: Any) -> None:
    """Raise StoreError if the snapshot is empty, as that of a new repository."""
    try:
        zarr.open_group(below, mode="r")
    except GroupNotFoundError:
        raise StoreError("unreadable") from None


@contextmanager
def bucket(store: Store) -> Iterator[int]:
    """Yield the port of a server on loopback that has the objects of the store. It runs until the process ends."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    yield asyncio.run_coroutine_threadsafe(_serve(store), loop).result()


async def _serve(store: Store) -> int:
    async def answer(request: web.Request) -> web.Response:
        return await _answer(store, request)

    application = web.Application()
    application.router.add_get(f"/{BUCKET}/{{key:.+}}", answer)  # and HEAD
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return int(runner.addresses[0][1])


async def _answer(store: Store, request: web.Request) -> web.Response:
    url = store.below(request.match_info["key"])
    asked = RANGE.fullmatch(request.headers.get("Range", ""))
    start, end = (int(asked[1]), int(asked[2]) + 1) if asked else (None, None)
    try:
        data = await store.get(url, start, end)
    except FileNotFoundError:
        return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
    except StoreError as error:
        return web.Response(status=403, text=f"<Error><Code>{error}</Code></Error>")  # the library does not try again
    if start is None:
        return web.Response(body=data, headers=HEADERS)
    part = {"Content-Range": f"bytes {start}-{start + len(data) - 1}/{store.sizes.get(url) or '*'}"}
    return web.Response(status=206, body=data, headers=HEADERS | part)
