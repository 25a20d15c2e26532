"""A file over HTTP of which a library reads some parts."""

import asyncio
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from .store import OtherKindError, Store, StoreError, named_errors

BLOCK = 512 * 1024  # bytes of a request
BLOCKS_MAX = 64  # in memory


class RemoteFile(io.RawIOBase):
    """The file at the url of a store. Raises OtherKindError if there is none, StoreError if its size is not known."""

    def __init__(self, store: Store, runner: asyncio.Runner) -> None:
        self.store, self.runner, self.position = store, runner, 0
        try:
            self.start = runner.run(store.get(store.url, 0, 8))
        except FileNotFoundError:
            raise OtherKindError("zarr") from None  # which has no object at its url
        size = store.sizes[store.url]
        if size is None:
            raise StoreError("ranges")
        self.size = size
        self.block = lru_cache(BLOCKS_MAX)(self.read_block)

    def read_block(self, number: int) -> bytes:
        start, end = number * BLOCK, min((number + 1) * BLOCK, self.size)
        data = self.runner.run(self.store.get(self.store.url, start, end))
        if len(data) != end - start:
            raise StoreError("ranges")
        return data

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence] + offset
        return self.position

    def readinto(self, buffer: Any) -> int:
        if not 0 <= self.position < self.size:
            return 0
        number, start = divmod(self.position, BLOCK)
        part = self.block(number)[start : start + len(buffer)]
        buffer[: len(part)] = part
        self.position += len(part)
        return len(part)


@contextmanager
def remote_file(url: str, trusted: bool) -> Iterator[tuple[RemoteFile, io.BufferedReader]]:
    """Yield the file at `url` twice: the second reads any number of bytes. Raises StoreError."""
    store = Store(url, trusted)
    with named_errors(store), asyncio.Runner() as runner:
        try:
            file = RemoteFile(store, runner)
            yield file, io.BufferedReader(file)
        finally:
            runner.run(store.close())
