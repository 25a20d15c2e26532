"""Lists objects by the API of S3 without credentials. Google Cloud Storage, Ceph and MinIO have this API too."""

from collections.abc import AsyncIterator
from xml.etree import ElementTree

from yarl import URL

from .store import Store, StoreError

PAGES_MAX = 10  # of 1,000 objects


def bucket(url: URL) -> tuple[URL, str]:
    """Return the url of the bucket, which may be the first part of the path, and the key of `url` in the bucket."""
    path = url.path.strip("/")
    host = str(url.host)
    if host.endswith(".storage.googleapis.com") or (host.endswith(".amazonaws.com") and not host.startswith("s3")):
        return url.origin() / "", path
    name, _, key = path.partition("/")
    return url.origin() / name / "", key


async def names_below(store: Store) -> list[str]:
    """Return the names of the folders directly below the url of the store. Raises StoreError if it cannot be listed."""
    names = []
    async for page in _pages(store, {"delimiter": "/"}):
        prefixes = [element.text or "" for element in page.iterfind("{*}CommonPrefixes/{*}Prefix")]
        names += [prefix.rstrip("/").rpartition("/")[2] for prefix in prefixes]
    return names


async def bytes_below(store: Store) -> int | None:
    """Return the sum of the sizes of all objects below the url; None if there are too many, or no list."""
    total = 0
    try:
        async for page in _pages(store, {}):
            total += sum(int(element.text or 0) for element in page.iterfind("{*}Contents/{*}Size"))
    except StoreError:
        return None
    return total


async def _pages(store: Store, options: dict[str, str]) -> AsyncIterator[ElementTree.Element]:
    """Yield the pages of the list of what is below the url of the store. Raises StoreError, also for too many pages."""
    root, key = bucket(store.url)
    query = {"list-type": "2", "prefix": f"{key}/", **options}
    for _ in range(PAGES_MAX):
        page = await _page(store, root.with_query(query))
        yield page
        if page.findtext("{*}IsTruncated") != "true":
            return
        query["continuation-token"] = page.findtext("{*}NextContinuationToken") or ""
    raise StoreError("large")


async def _page(store: Store, url: URL) -> ElementTree.Element:
    denied = store.denied
    try:
        page = ElementTree.fromstring(await store.get(url))
    except (FileNotFoundError, StoreError, ElementTree.ParseError):
        raise StoreError("unlisted") from None
    finally:
        store.denied = denied  # that the bucket cannot be listed does not say that the objects cannot be read
    if page.tag.rpartition("}")[2] != "ListBucketResult":
        raise StoreError("unlisted")
    return page
