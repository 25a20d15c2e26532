"""What every request gets: an id, https, CORS, security headers, conditional answers, the client's address."""

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from random import getrandbits
from time import monotonic
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response, current_app, g, redirect, request
from werkzeug.exceptions import BadRequest, SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as WerkzeugResponse

from app.keys import KEY, key_digest
from app.web.query_strings import ignore_cache_busters
from config import PREFIX

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
# The status line for each status, by its three digits. Clients show and match the phrases of `http.HTTPStatus`, which
# werkzeug would write in capitals.
STATUS_LINES = {str(status.value): f"{status.value} {status.phrase}" for status in HTTPStatus}
Headers = list[tuple[str, str]]
Write = Callable[[bytes], object]

REQUEST_ID = "pangeo_forge.request_id"
GIVEN_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
HSTS = "max-age=31536000"  # seconds: a year
# A load balancer and a container runtime call these by plain http, and most take a redirect for a failure.
PROBES = frozenset({"/healthz", "/healthz/", "/readyz", "/readyz/"})

# CORS (https://fetch.spec.whatwg.org/#http-cors-protocol), never with credentials.
ALLOW_ORIGIN = "Access-Control-Allow-Origin"
EXPOSE_HEADERS = {
    "Access-Control-Expose-Headers": "ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, "
    "Retry-After, WWW-Authenticate, X-Request-ID, X-Total-Count"
}
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
PREFLIGHT_HEADERS = {
    "Access-Control-Max-Age": "600",  # seconds
    "Access-Control-Allow-Methods": ", ".join(METHODS),
}


class Envelope:
    """WSGI: gives every request an id, and every answer its reason phrase and the headers that all answers have."""

    def __init__(self, app: WSGIApplication, headers: Headers, secure_headers: Headers, config: Mapping[str, Any]):
        self.app, self.config = app, config
        self.names = {name for name, _ in headers + secure_headers} | {"Cache-Control"}
        # By whether the request came by https, and whether caches may keep the answer if they revalidate it.
        self.headers = {
            (secure, kept): [
                *(headers + secure_headers if secure else headers),
                ("Cache-Control", "no-cache" if kept else "no-store"),
            ]
            for secure in (False, True)
            for kept in (False, True)
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request_id = environ[REQUEST_ID] = _request_id(environ.get("HTTP_X_REQUEST_ID", ""), self.config)

        def start(status: str, own: Headers, *exc_info: Any) -> Write:
            kept = environ["REQUEST_METHOD"] in ("GET", "HEAD") and status[:3] in ("200", "304")
            common, names = self.headers[environ["wsgi.url_scheme"] == "https", kept], dict(own)
            if not self.names.isdisjoint(names):
                common = [header for header in common if header[0] not in names]
            return start_response(STATUS_LINES[status[:3]], [*own, *common, ("X-Request-ID", request_id)], *exc_info)

        return self.app(environ, start)


class Address:
    """WSGI: normalises the address of the service, as the client and the proxy sent it.

    The Host header becomes lower case, because its case has no meaning (RFC 9110, section 4.2.3), and werkzeug compares
    it with TRUSTED_HOSTS as it is. The prefix of links is `prefix`, or that of the proxy if it is the path of a URL.
    """

    def __init__(self, app: WSGIApplication, prefix: str) -> None:
        self.app, self.prefix = app, prefix

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if host := environ.get("HTTP_HOST"):
            environ["HTTP_HOST"] = host.lower()
        given = environ.get("SCRIPT_NAME", "").rstrip("/")
        environ["SCRIPT_NAME"] = self.prefix or (given if re.fullmatch(PREFIX, given, re.ASCII) else "")
        return self.app(environ, start_response)


def init_app(app: Flask) -> None:
    headers = list(SECURITY_HEADERS.items())
    app.before_request(begin)
    if app.config["TRUSTED_HOSTS"]:
        app.before_request(refuse_untrusted_host)
    app.before_request(require_host)
    if app.config["DEPLOYMENT"]:
        app.before_request(redirect_to_https)
    app.before_request(answer_preflight)
    app.before_request(ignore_cache_busters)
    if app.config["CORS_ORIGINS"] == ["*"]:
        headers += [(ALLOW_ORIGIN, "*"), *EXPOSE_HEADERS.items()]
    else:
        app.after_request(allow_origin)
    app.after_request(make_conditional)
    # The last one is the first to see a request. Flask documents the assignment to `wsgi_app` as the way to wrap it.
    secure_headers = [("Strict-Transport-Security", HSTS)] if app.config["DEPLOYMENT"] else []
    app.wsgi_app = Envelope(app.wsgi_app, headers, secure_headers, app.config)  # type: ignore[method-assign]  # as Flask documents it
    app.wsgi_app = Address(app.wsgi_app, app.config["PUBLIC_PREFIX"])  # type: ignore[method-assign]  # as Flask documents it
    if hops := app.config["PROXY_COUNT"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=1, x_prefix=1)  # type: ignore[method-assign]  # as Flask documents it


def _request_id(given: str, config: Mapping[str, Any]) -> str:
    """The id from the client or the router, so that the logs of both sides can be compared; a new one if it is unsafe.

    An id that may be an API key is unsafe, because ids are logged.
    """
    if GIVEN_ID.fullmatch(given) and not KEY.search(given):
        digest = key_digest(config["ENCRYPTION_SALT"], given)
        if not any(
            hmac.compare_digest(digest, config[name]) for name in ("ADMIN_API_KEY_SHA256", "METRICS_KEY_SHA256")
        ):
            return given
    return f"{getrandbits(128):032x}"


def begin() -> None:
    """Set the id of the request, and when it began on the clock of `monotonic`."""
    g.request_id, g.started = request.environ[REQUEST_ID], monotonic()


def refuse_untrusted_host() -> None:
    """Raise 400 for a Host that is not in TRUSTED_HOSTS; the answer does not repeat the host."""
    if isinstance(request.routing_exception, SecurityError):
        raise BadRequest("The Host header is not the name of this service.")


def require_host() -> None:
    """Raise 400 for HTTP/1.1 without a Host header (RFC 9112, section 3.2)."""
    if not request.environ.get("HTTP_HOST") and request.environ["SERVER_PROTOCOL"] == "HTTP/1.1":
        raise BadRequest("The request has no Host header, which HTTP/1.1 requires.")


def redirect_to_https() -> WerkzeugResponse | None:
    """Redirect plain http to https when deployed, except for probes; 307 keeps method and body, as the original did."""
    if request.is_secure or request.path in PROBES:
        return None
    if not request.host:
        raise BadRequest("The Host header is not the name of a host.")
    return redirect(request.url.replace("http://", "https://", 1), 307)


def answer_preflight() -> Response | None:
    """Answer a CORS preflight on any path, so that a browser sees the 404 or 405 of the request that follows."""
    method = request.headers.get("Access-Control-Request-Method")
    if request.method != "OPTIONS" or method is None:
        return None
    response = current_app.make_default_options_response()
    if _allowed_origin() and method.upper() in METHODS:
        response.headers.update(PREFLIGHT_HEADERS)
        if names := request.headers.get("Access-Control-Request-Headers"):
            response.headers["Access-Control-Allow-Headers"] = ", ".join(sorted(map(str.strip, names.split(","))))
    return response


def allow_origin(response: Response) -> Response:
    """Let a page of an origin in CORS_ORIGINS read the answer, and keep caches from giving it to another origin."""
    if origin := _allowed_origin():
        response.headers.update({ALLOW_ORIGIN: origin} | EXPOSE_HEADERS)
    response.vary.add("Origin")
    return response


def _allowed_origin() -> str | None:
    """The value of Access-Control-Allow-Origin, or None if the request is not from an origin in CORS_ORIGINS."""
    origins: list[str] = current_app.config["CORS_ORIGINS"]
    if origins == ["*"]:
        return "*"
    origin = request.headers.get("Origin", "")
    return origin if origin.lower() in map(str.lower, origins) else None


def make_conditional(response: Response) -> Response:
    """Add a strong ETag to an answer to GET, and turn it into 304 if the client has it (RFC 9110, section 13.1.2)."""
    environ = request.environ
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or response.status_code != 200:
        return response
    if not response.headers.getlist("ETag"):
        response.add_etag(overwrite=True)  # without `overwrite` werkzeug looks for an ETag again, which costs more
    # If-Match is for writes, see app/web/preconditions.py; for GET it is ignored.
    if known := environ.get("HTTP_IF_NONE_MATCH"):
        response.make_conditional({"REQUEST_METHOD": environ["REQUEST_METHOD"], "HTTP_IF_NONE_MATCH": known})
    return response
