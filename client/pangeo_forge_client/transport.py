"""Requests to the service: authentication, retries, errors and pages."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from itertools import count
from typing import Any
from uuid import uuid4

import httpx

from pangeo_forge_client.errors import NoAnswerError, PangeoForgeError, UnexpectedAnswerError, error_of
from pangeo_forge_client.retries import Retries, is_lost
from pangeo_forge_client.version import __version__

logger = logging.getLogger("pangeo_forge_client")

SERVER = "https://api.pangeo-forge.org"
SERVER_VARIABLE, KEY_VARIABLE = "PANGEO_FORGE_SERVER", "PANGEO_FORGE_API_KEY"
PAGE = 500  # records of a request


class Transport:
    """Sends requests to one service.

    Without a `server`, it is that of PANGEO_FORGE_SERVER, with the key of PANGEO_FORGE_API_KEY. A given `server` never
    gets the key of the environment, because that may belong to another service. `timeout` is in seconds, for each
    connection and each wait for data. `transport` is one of httpx, for tests and special networks.
    """

    def __init__(
        self,
        server: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if server is None:
            server = os.environ.get(SERVER_VARIABLE) or SERVER
            api_key = api_key or os.environ.get(KEY_VARIABLE)
        self.server = server.rstrip("/")
        self.retries = retries or Retries()
        headers = {"User-Agent": f"pangeo-forge-client/{__version__}", "Accept": "application/json, */*;q=0.5"}
        if api_key:
            # httpx removes this header when a redirect leads to another host. It would send X-API-Key there.
            headers["Authorization"] = f"Bearer {api_key}"
        limit = httpx.Timeout(timeout, connect=min(timeout, 10.0))
        self._http = httpx.Client(headers=headers, timeout=limit, follow_redirects=True, transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request until there is an answer. Raises an exception of `errors` if it is none, or an error.

        `options` are those of `httpx.Client.request`. A POST gets an Idempotency-Key unless `headers` has one.
        """
        if method == "POST":
            options["headers"] = {"Idempotency-Key": str(uuid4()), **(options.get("headers") or {})}
        try:
            request = self._http.build_request(method, f"{self.server}/{path.lstrip('/')}", **options)
            response = self._send(request)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise PangeoForgeError(f"{self.server} is not the address of a service: {error}") from None
        except (httpx.TransportError, httpx.TooManyRedirects) as error:
            raise NoAnswerError(_sentence(self.server, error)) from error
        if response.is_error:
            raise error_of(response)
        return response

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return self.request("POST", path, **(options if json is None else options | {"json": json}))

    def put(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return self.request("PUT", path, **(options if json is None else options | {"json": json}))

    def patch(self, path: str, json: Any, **options: Any) -> httpx.Response:
        return self.request("PATCH", path, json=json, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def pages(self, path: str, parameters: list[tuple[str, str]], limit: int | None) -> Iterator[httpx.Response]:
        """The pages of a list with up to `limit` records. Only the query of a link is followed, never its host."""
        size = min(PAGE, limit or PAGE)
        response = self.get(path, params=[*parameters, ("limit", str(size))])
        for read in count(size, size):
            yield response
            link = response.links.get("next")
            if not link or (limit is not None and read >= limit):
                return
            response = self.get(path, params=httpx.URL(link["url"]).params)

    def _send(self, request: httpx.Request) -> httpx.Response:
        lost = False
        for attempt in count(1):
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = self._http.send(request)
            except httpx.TransportError as error:
                outcome = error
            pause = self.retries.wait(attempt, request.method, outcome, lost)
            if pause < 0:
                break
            lost = lost or is_lost(outcome)
            level = logging.WARNING if attempt == 1 else logging.INFO
            logger.log(level, "%s Trying again in %d s.", _sentence(self.server, outcome), max(1, round(pause)))
            self.retries.sleep(pause)
        if isinstance(outcome, httpx.TransportError):
            raise outcome
        return outcome


def object_of(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer."""
    body = _json(response)
    if not isinstance(body, dict):
        raise UnexpectedAnswerError(f"{response.url} answered with JSON that is not an object.")
    return body


def objects_of(response: httpx.Response) -> list[dict[str, Any]]:
    """The JSON objects of an answer that is a list."""
    body = _json(response)
    if not isinstance(body, list) or not all(isinstance(item, dict) for item in body):
        raise UnexpectedAnswerError(f"{response.url} answered with JSON that is not a list of objects.")
    return body


def _json(response: httpx.Response) -> object:
    try:
        return response.json()
    except ValueError:
        kind = response.headers.get("Content-Type", "no content type")
        sentence = f"{response.url} is not a Pangeo Forge API: it answered with {kind}, not with JSON."
        raise UnexpectedAnswerError(sentence) from None


def _sentence(server: str, outcome: httpx.Response | Exception) -> str:
    if isinstance(outcome, httpx.Response):
        return str(error_of(outcome))
    return f"No answer from {server}: {str(outcome) or type(outcome).__name__}."
