"""The client: all resources of one service."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType

from pangeo_forge_client.resources.administration import Audit, Keys, Stats
from pangeo_forge_client.resources.catalogue import Bakeries, Feedstocks
from pangeo_forge_client.resources.datasets import Datasets
from pangeo_forge_client.resources.runs import Runs
from pangeo_forge_client.transport import Transport


class Client(Transport):
    """A Pangeo Forge service.

        with Client() as forge:
            for dataset in forge.datasets.search("sea surface temperature"):
                print(dataset.title, dataset.url)

    The arguments are those of `Transport`. Use one client for many requests, because it keeps its connections. Threads
    may share it.
    """

    @cached_property
    def datasets(self) -> Datasets:
        return Datasets(self)

    @cached_property
    def runs(self) -> Runs:
        return Runs(self)

    @cached_property
    def feedstocks(self) -> Feedstocks:
        return Feedstocks(self)

    @cached_property
    def bakeries(self) -> Bakeries:
        return Bakeries(self)

    @cached_property
    def keys(self) -> Keys:
        return Keys(self)

    @cached_property
    def audit(self) -> Audit:
        return Audit(self)

    @cached_property
    def stats(self) -> Stats:
        return Stats(self)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
