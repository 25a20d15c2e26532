"""Recipe runs: their states, their reports and their logs."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pangeo_forge_client import signatures
from pangeo_forge_client.errors import NoAnswerError, UnavailableError
from pangeo_forge_client.loading import load
from pangeo_forge_client.pages import Records
from pangeo_forge_client.parameters import Filter, body, query
from pangeo_forge_client.records import Log, Run, RunEvent
from pangeo_forge_client.resources.base import Editable, idempotency
from pangeo_forge_client.transport import logger, object_of

BULK = 1000  # runs of a request
LOG_PIECE = 900_000  # bytes of a request; the service accepts a mebibyte
PATIENCE = 600.0  # seconds without an answer after which `watch` gives up
TEXT, JSON, LINES = "text/plain", "application/json", "application/x-ndjson"


class Runs(Editable[Run]):
    path, kind = "/recipe_runs/", Run

    def create(
        self,
        *,
        recipe_id: str,
        bakery_id: int,
        feedstock_id: int,
        head_sha: str,
        version: str = "",
        started_at: dt.datetime | str | None = None,
        idempotency_key: str | None = None,
        **optional: Any,
    ) -> Run:
        """Create a run, which is `queued` unless `status` says otherwise. By default it starts now.

        An `idempotency_key` needs `started_at`, because the service accepts a key again for the same values only.
        """
        if idempotency_key and not started_at:
            raise ValueError("Give started_at with an idempotency_key, because the same key needs the same values.")
        values = {"recipe_id": recipe_id, "bakery_id": bakery_id, "feedstock_id": feedstock_id, "head_sha": head_sha}
        started_at = started_at or dt.datetime.now(dt.timezone.utc)
        return self._create(values | {"version": version, "started_at": started_at} | optional, idempotency_key)

    def create_many(self, runs: Iterable[Mapping[str, Any]]) -> Sequence[Run]:
        """Create many runs from their fields. Of each thousand, either all are created or none."""
        bodies, created = [body(run) for run in runs], []
        for start in range(0, len(bodies), BULK):
            answer = self._transport.post(f"{self.path}bulk", {"recipe_runs": bodies[start : start + BULK]})
            created += [self._load(values) for values in object_of(answer)["recipe_runs"]]
        return created

    def events(self, id: int, *, limit: int | None = None, **filters: Filter) -> Records[RunEvent]:
        """Every change of a run."""
        return Records(self._transport, f"{self.path}{id}/events", RunEvent, filters, limit)

    def watch(self, id: int, *, interval: float = 5.0) -> Iterator[Run]:
        """The run, every `interval` seconds until it is completed: the same object while it has not changed.

        If the service stops to answer, it is asked again for ten minutes.
        """
        run: Run | None = None
        etag, answered = "", time.monotonic()
        while True:
            try:
                answer = self._transport.get(f"{self.path}{id}", headers={"If-None-Match": etag} if etag else {})
            except (NoAnswerError, UnavailableError):
                if run is None or time.monotonic() - answered > PATIENCE:
                    raise
            else:
                answered = time.monotonic()
                if run is None or answer.status_code != 304:
                    run, etag = self._load(object_of(answer)), answer.headers.get("ETag", "")
                yield run
                if run.is_completed:
                    return
            self._transport.retries.sleep(interval)

    def report(
        self,
        bakery_id: int,
        *,
        run_id: int | None = None,
        external_id: str | None = None,
        secret: str | None = None,
        idempotency_key: str | None = None,
        **report: Any,
    ) -> Run:
        """Report the state of a run: of the one with that id, or with the id that its runner gave it.

        `report` has the rest: `status`, `conclusion`, `message`, `log`, `dataset_public_url` and others. With the
        fields of a new run, an unknown `external_id` creates one. A late report does not undo a later one. With the
        webhook `secret` of the bakery, the report is signed and needs no API key.
        """
        values = {"run_id": run_id, "external_id": external_id, **report}
        content = json.dumps(body({name: value for name, value in values.items() if value is not None})).encode()
        headers = {"Content-Type": JSON, **idempotency(idempotency_key)}
        if secret:
            headers |= signatures.headers(secret, content, idempotency_key)
        answer = self._transport.post(f"/bakeries/{bakery_id}/reports", content=content, headers=headers)
        if ignored := answer.headers.get("Ignored-Fields"):
            logger.warning("The service ignored %s, because a report about a later status came before.", ignored)
        return self._load(object_of(answer))

    def log(self, id: int, *, tail: int | None = None, offset: int | None = None, level: Filter = None) -> Log:
        """The log of a run: the last `tail` lines, or a thousand lines from number `offset` on.

        Logs of production runs require an API key, unless the service publishes them.
        """
        parameters = query({"tail": tail, "offset": offset, "level": level})
        return load(Log, object_of(self._transport.get(f"{self.path}{id}/logs", params=parameters)), self._transport)

    def log_text(self, id: int, *, tail: int | None = None, level: Filter = None) -> str:
        """The whole log of a run as text, or its last `tail` lines."""
        parameters = query({"tail": tail, "level": level, "format": "text"})
        return self._transport.get(f"{self.path}{id}/logs", params=parameters).text

    def append_log(self, id: int, log: str | Iterable[Mapping[str, Any]]) -> None:
        """Add to the log of a run: a text, or lines with a `message`, and maybe a `timestamp` and a `level`."""
        lines = log.splitlines(keepends=True) if isinstance(log, str) else (_json_line(line) for line in log)
        headers = {"Content-Type": TEXT if isinstance(log, str) else LINES}
        for piece in _pieces(line.encode() for line in lines):
            self._transport.post(f"{self.path}{id}/logs", content=piece, headers=headers)

    def reproduce(self, id: int) -> str:
        """A shell script that runs the same recipe, at the same commit, with the same versions, on one's machine."""
        return self._transport.get(f"{self.path}{id}/reproduce").text


def _json_line(line: Mapping[str, Any]) -> str:
    return json.dumps(body(line)) + "\n"


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines, as few pieces that are not too long for a request. A longer line is one piece."""
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) > LOG_PIECE:
            yield piece
            piece = b""
        piece += line
    if piece:
        yield piece
