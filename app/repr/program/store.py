"""Objects over HTTP, from public addresses only, within a budget of requests and bytes."""

import json
import re
import socket
from asyncio import iscoroutine
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse, ClientSession, DummyCookieJar, TCPConnector
from fsspec.asyn import AsyncFileSystem
from yarl import URL
from zarr.errors import GroupNotFoundError

OBJECT_MAX = 16 * 1024**2  # bytes
TOTAL_MAX = 64 * 1024**2
REQUESTS_MAX = 2000
REDIRECTS_MAX = 5

SIZE = re.compile(r"bytes \d+-\d+/(\d{1,18})")  # the header Content-Range
ORIGIN = "https://example.org"  # any website
REDIRECTS = (301, 302, 303, 307, 308)
UNICAST = IPv6Network("2000::/3")  # other IPv6 addresses are not public or contain an IPv4 address
BUCKETS = {
    "s3": "https://{}.s3.amazonaws.com/",
    "gs": "https://storage.googleapis.com/{}/",
    "gcs": "https://storage.googleapis.com/{}/",
}

# The codecs of Zarr 2 and 3 that are decoded. numcodecs has others, and installed packages may add more.
CODECS = {
    *("adler32", "astype", "bitround", "blosc", "bytes", "bz2", "categorize", "crc32", "crc32c", "delta", "endian"),
    *("fixedscaleoffset", "fletcher32", "gzip", "json2", "lz4", "lzma", "packbits", "quantize", "sharding_indexed"),
    *("shuffle", "transpose", "vlen-bytes", "vlen-utf8", "zlib", "zstd"),
}
CODEC_FIELDS = ("codecs", "compressor", "filters", "index_codecs")
METADATA = (".zarray", ".zgroup", ".zmetadata", "zarr.json")  # of arrays, with their codecs


class StoreError(Exception):
    """The store cannot be shown. The text is a key of `app.repr.opener.ERRORS`."""


class OtherKindError(StoreError):
    """The dataset is of another kind than expected. The text is that kind."""


class Store(AsyncFileSystem):
    """The objects below a url, or those of Kerchunk references. Each read is a GET. Objects cannot be listed, so the
    metadata must be consolidated, or given as `metadata`: the content of some keys.
    """

    cachable = False

    def __init__(
        self, url: str, trusted: bool, references: Any = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(asynchronous=True)
        self.url, self.trusted, self.references, self.metadata = URL(url), trusted, references, metadata or {}
        self.denied = False
        self.sizes: dict[URL, int | None] = {}  # in bytes, of the objects that were read, if the host says it
        self.requests, self.bytes = REQUESTS_MAX, TOTAL_MAX  # the remaining budget
        self.sessions: dict[bool, ClientSession] = {}

    async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        if path in self.metadata:
            data = self.metadata[path].encode()[start:end]
        elif self.references is None:
            data = await self.get(self.below(path), start, end)
        else:
            reference = self.references.get(path)
            data = (await self._follow(await reference if iscoroutine(reference) else reference))[start:end]
        if path.rpartition("/")[2] in METADATA:
            require_readable(json.loads(data))
        return data

    def below(self, key: str) -> URL:
        path = f"{self.url.raw_path.rstrip('/')}/{quote(key)}"
        return self.url.with_path(path, encoded=True, keep_query=True)

    async def allows_browsers(self, url: URL) -> bool:
        """Whether a page of any website may read the object at `url` (https://fetch.spec.whatwg.org/#cors-check)."""
        self.requests = _spend(self.requests, 1)
        async with self._session(url).get(url, headers={"Origin": ORIGIN}) as response:
            return response.headers.get("Access-Control-Allow-Origin") in ("*", ORIGIN)

    async def _follow(self, reference: Any) -> bytes:
        """Return what a Kerchunk reference leads to: itself as bytes, or a part of the object at a url."""
        if reference is None:
            raise FileNotFoundError
        if isinstance(reference, bytes):
            return reference
        if isinstance(reference, str):
            return b64decode(reference[7:]) if reference.startswith("base64:") else reference.encode()
        url, *part = reference
        start, length = map(int, part or (0, OBJECT_MAX))
        return await self.get(over_http(url), start, start + length)

    async def get(self, url: URL, start: int | None = None, end: int | None = None) -> bytes:
        """Return the bytes from `start` to `end` of the object at `url`. Raises FileNotFoundError or StoreError."""
        headers = {} if start is None else {"Range": f"bytes={start}" if start < 0 else f"bytes={start}-"}
        if start is not None and end is not None:
            headers["Range"] += str(end - 1)
        asked = url
        for _hop in range(REDIRECTS_MAX + 1):
            self.requests = _spend(self.requests, 1)
            async with self._session(url).get(url, headers=headers, allow_redirects=False) as response:
                if response.status not in REDIRECTS:
                    data = await self._body(response, end)
                    size = SIZE.fullmatch(response.headers.get("Content-Range", ""))
                    self.sizes[asked] = int(size[1]) if size else response.content_length
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

    async def close(self) -> None:
        for session in self.sessions.values():
            await session.close()

    async def _body(self, response: ClientResponse, end: int | None) -> bytes:
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
            if end is not None and len(data) >= end:  # the rest of an object from a host that ignores ranges
                break
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


def over_http(url: str) -> URL:
    """Return the url of an object that references name. Raises StoreError if it is not at a http url or in a bucket."""
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme in BUCKETS:
        return URL(BUCKETS[scheme].format(quote(bucket)) + quote(key), encoded=True)
    if scheme not in ("http", "https"):
        raise StoreError("unreadable")
    return URL(url)


def require_readable(metadata: Any) -> None:
    """Raise StoreError if the metadata of Zarr names an unknown codec, or belongs to references in Parquet."""
    if isinstance(metadata, dict) and "record_size" in metadata:
        raise StoreError("parquet")
    if not CODECS.issuperset(codecs(metadata)):
        raise StoreError("codec")


def codecs(metadata: Any) -> Iterator[str]:
    """Yield the names of the codecs in the metadata of Zarr 2 or 3, also of those inside of other codecs."""
    if isinstance(metadata, list):
        for item in metadata:
            yield from codecs(item)
    if isinstance(metadata, dict):
        for field, value in metadata.items():
            if field in CODEC_FIELDS:
                for codec in value if isinstance(value, list) else [value]:
                    names = [codec.get("id"), codec.get("name")] if isinstance(codec, dict) else [codec]
                    yield from (str(name).removeprefix("numcodecs.") for name in names if name is not None)
            if field != "attributes" and not field.endswith(".zattrs"):
                yield from codecs(value)


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
