"""Opens a Zarr store by its url and prints what xarray shows of it: a program of its own, which may be killed.

It reads `{"url": …, "trusted": …}` and prints `{"html": …}` or `{"error": …}`, one of `app.repr.opener.ERRORS`. It
imports nothing of the service and gets nothing of its environment. Wherever the store or a redirect leads, it connects
to public addresses only, except to the host of the url itself if that is `trusted`.
"""

import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import quote

import xarray
from aiohttp import ClientError, ClientResponse, ClientSession, DummyCookieJar, TCPConnector
from fsspec.asyn import AsyncFileSystem
from yarl import URL
from zarr.errors import GroupNotFoundError
from zarr.storage import FsspecStore

MEMORY = 640 * 1024**2  # bytes of address space; 330 MiB of it are taken by libraries, which use 100
OBJECT_MAX = 16 * 1024**2  # bytes
TOTAL_MAX = 64 * 1024**2
REQUESTS_MAX = 2000
REDIRECTS_MAX = 5
HTML_MAX = 1024**2  # characters

REDIRECTS = (301, 302, 303, 307, 308)
UNICAST = IPv6Network("2000::/3")  # the other IPv6 addresses are not public, or hide one of IPv4


class StoreError(Exception):
    """The store cannot be shown; the text is one of `app.repr.opener.ERRORS`."""


class Store(AsyncFileSystem):
    """What is below a url, each object a GET. They cannot be listed, so the metadata has to be consolidated."""

    cachable = False

    def __init__(self, url: str, trusted: bool) -> None:
        super().__init__(asynchronous=True)
        self.url, self.trusted = URL(url), trusted
        self.denied = False
        self.requests, self.bytes = REQUESTS_MAX, TOTAL_MAX  # how many there may still be
        self.sessions: dict[bool, ClientSession] = {}

    async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        url = self.url.with_path(f"{self.url.raw_path.rstrip('/')}/{quote(path)}", encoded=True, keep_query=True)
        headers = {} if start is None else {"Range": f"bytes={start}" if start < 0 else f"bytes={start}-"}
        if start is not None and end is not None:
            headers["Range"] += str(end - 1)
        for _hop in range(REDIRECTS_MAX + 1):
            self.requests = _spend(self.requests, 1)
            async with self._session(url).get(url, headers=headers, allow_redirects=False) as response:
                if response.status not in REDIRECTS:
                    data = await self._body(response)
                    return data if response.status == 206 else data[start:end]
                url = url.join(URL(response.headers.get("Location", "")))
        raise StoreError("unreadable")

    def _session(self, url: URL) -> ClientSession:
        trusted = self.trusted and url.origin() == self.url.origin()
        if trusted not in self.sessions:
            # One address after the other, so that what `public_socket` raises comes through as it is.
            connector = TCPConnector(socket_factory=None if trusted else public_socket, happy_eyeballs_delay=None)
            self.sessions[trusted] = ClientSession(connector=connector, cookie_jar=DummyCookieJar())
        return self.sessions[trusted]

    async def _body(self, response: ClientResponse) -> bytes:
        if response.status in (401, 403):  # S3 says so of what is not there, unless everybody may list the bucket
            self.denied = True
            raise FileNotFoundError
        if response.status in (404, 410):
            raise FileNotFoundError
        if response.status not in (200, 206):
            raise StoreError("unreachable")
        data, left = bytearray(), OBJECT_MAX
        async for chunk in response.content.iter_chunked(64 * 1024):
            left, self.bytes = _spend(left, len(chunk)), _spend(self.bytes, len(chunk))
            data += chunk
        return bytes(data)


def public_socket(address: Any) -> socket.socket:
    """A socket for `address`, as getaddrinfo has it. It is what is connected to: no name is looked up after this."""
    family, kind, protocol, _, (host, *_) = address
    if not is_public(host):
        raise StoreError("private")
    return socket.socket(family, kind, protocol)


def is_public(text: str) -> bool:
    address = ip_address(text)
    if isinstance(address, IPv6Address) and (address not in UNICAST or address.sixtofour or address.teredo):
        return False
    return address.is_global and not address.is_multicast


def html(store: Store) -> str:
    """What xarray shows of `store`, of which it reads the metadata and the coordinates that are indexes."""
    below: Any = FsspecStore(store, read_only=True, path="")  # xarray's types do not know of such
    with named_errors(store), xarray.open_dataset(below, engine="zarr", consolidated=True, cache=False) as dataset:
        text = str(dataset._repr_html_())
    if len(text) > HTML_MAX:
        raise StoreError("large")
    return text


@contextmanager
def named_errors(store: Store) -> Iterator[None]:
    """Give what goes wrong meanwhile one of our names; zarr and xarray raise anything for what they cannot read."""
    try:
        yield
    except StoreError:
        raise
    except (FileNotFoundError, GroupNotFoundError):
        raise StoreError("denied" if store.denied else "missing") from None
    except ClientError:
        raise StoreError("unreachable") from None
    except MemoryError:
        raise StoreError("large") from None
    except Exception:
        raise StoreError("unreadable") from None


def _spend(left: int, amount: int) -> int:
    if amount > left:
        raise StoreError("large")
    return left - amount


def hold_back(seconds: int) -> None:
    """Take little, and end in time even if nobody is left to see to that."""
    os.nice(10)
    signal.alarm(seconds + 1)
    for kind, most in {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }.items():
        resource.setrlimit(kind, (most, most))


def main() -> None:
    hold_back(int(sys.argv[1]))
    try:
        answer = {"html": html(Store(**json.load(sys.stdin)))}
    except StoreError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
    os._exit(0)  # there are connections left that are nobody's to close


if __name__ == "__main__":
    main()
