"""Opens a Zarr store by its url and prints its HTML representation by xarray. `opener` runs it as a separate process.

It reads `{"url": …, "trusted": …}` from standard input and prints `{"html": …}` or `{"error": …}`, a key of
`app.repr.opener.ERRORS`. It imports no module of the service and inherits no environment variable. It only connects to
public addresses, also after redirects. The only exception is the host of the url if it is `trusted`.
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

MEMORY = 640 * 1024**2  # bytes of address space; the libraries reserve 330 MiB of it and use 100 MiB
SECONDS = 20
OBJECT_MAX = 16 * 1024**2  # bytes
TOTAL_MAX = 64 * 1024**2
REQUESTS_MAX = 2000
REDIRECTS_MAX = 5
HTML_MAX = 1024**2  # characters

REDIRECTS = (301, 302, 303, 307, 308)
UNICAST = IPv6Network("2000::/3")  # other IPv6 addresses are not public or contain an IPv4 address


class StoreError(Exception):
    """The store cannot be shown. The text is a key of `app.repr.opener.ERRORS`."""


class Store(AsyncFileSystem):
    """The objects below a url. Each read is a GET. Objects cannot be listed, so the metadata must be consolidated."""

    cachable = False

    def __init__(self, url: str, trusted: bool) -> None:
        super().__init__(asynchronous=True)
        self.url, self.trusted = URL(url), trusted
        self.denied = False
        self.requests, self.bytes = REQUESTS_MAX, TOTAL_MAX  # the remaining budget
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
            # Without happy eyeballs, aiohttp tries one address at a time and does not wrap errors of `public_socket`.
            connector = TCPConnector(socket_factory=None if trusted else public_socket, happy_eyeballs_delay=None)
            self.sessions[trusted] = ClientSession(connector=connector, cookie_jar=DummyCookieJar())
        return self.sessions[trusted]

    async def _body(self, response: ClientResponse) -> bytes:
        if response.status in (401, 403):  # S3 answers 403 for a missing object if the bucket cannot be listed
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
    """Return a socket for `address`, a result of getaddrinfo. Raises StoreError if the address is not public.

    The name is resolved already, so DNS cannot return another address later.
    """
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
    """Return the HTML of `store`. xarray reads only the metadata and the index coordinates."""
    below: Any = FsspecStore(
        store, read_only=True, path=""
    )  # Any, because the types of xarray do not include Zarr stores
    with named_errors(store), xarray.open_dataset(below, engine="zarr", consolidated=True, cache=False) as dataset:
        text = str(dataset._repr_html_())
    if len(text) > HTML_MAX:
        raise StoreError("large")
    return text


@contextmanager
def named_errors(store: Store) -> Iterator[None]:
    """Convert every error to a StoreError. zarr and xarray raise many types of exceptions for unreadable stores."""
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


def limit_resources() -> None:
    """Limit memory, CPU time and files, and end the process after SECONDS even if the service has crashed."""
    os.nice(10)
    signal.alarm(SECONDS + 1)
    for kind, most in {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: SECONDS,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }.items():
        resource.setrlimit(kind, (most, most))


def main() -> None:
    limit_resources()
    try:
        answer = {"html": html(Store(**json.load(sys.stdin)))}
    except StoreError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
    os._exit(0)  # without closing the open connections


if __name__ == "__main__":
    main()
