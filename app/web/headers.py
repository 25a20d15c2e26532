"""What holds for every request: its id, https, preflights, security headers, proxies."""

import re
from collections.abc import Callable, Iterable
from functools import partial
from random import getrandbits
from time import monotonic
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response, current_app, g, redirect, request
from flask_cors.core import get_cors_options, set_cors_headers
from werkzeug.exceptions import BadRequest, SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import create_environ
from werkzeug.wrappers import Response as WerkzeugResponse

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
Headers = list[tuple[str, str]]
Write = Callable[[bytes], object]

REQUEST_ID = "pangeo_forge.request_id"
GIVEN_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
HSTS = "max-age=31536000"  # seconds: a year
EXPOSED_HEADERS = [
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
]
EXPOSED_HEADERS += ["X-Total-Count"]


class Envelope:
    """WSGI: gives every request an id, and every answer the headers that all have; those are made once."""

    def __init__(self, app: WSGIApplication, headers: Headers, secure_headers: Headers):
        self.app = app
        self.names = {name for name, _ in headers + secure_headers} | {"Cache-Control"}
        # Whether it was https, and whether it may be kept: then it has to be asked about each time.
        self.headers = {
            (secure, kept): [
                *(headers + secure_headers if secure else headers),
                ("Cache-Control", "no-cache" if kept else "no-store"),
            ]
            for secure in (False, True)
            for kept in (False, True)
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request_id = environ[REQUEST_ID] = _request_id(environ.get("HTTP_X_REQUEST_ID", ""))

        def start(status: str, own: Headers, *exc_info: Any) -> Write:
            kept = environ["REQUEST_METHOD"] in ("GET", "HEAD") and status[:3] in ("200", "304")
            common, names = self.headers[environ["wsgi.url_scheme"] == "https", kept], dict(own)
            if not self.names.isdisjoint(names):
                common = [header for header in common if header[0] not in names]
            return start_response(status, [*own, *common, ("X-Request-ID", request_id)], *exc_info)

        return self.app(environ, start)


class LowerCaseHost:
    """WSGI: the case of a host means nothing (RFC 9110, section 4.2.3), but werkzeug compares it."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if host := environ.get("HTTP_HOST"):
            environ["HTTP_HOST"] = host.lower()
        return self.app(environ, start_response)


def cors_options(origins: list[str]) -> dict[str, Any]:
    """Flask-CORS' options for those origins: never with credentials, and with `*` the same for everybody."""
    everybody = origins == ["*"]
    return {
        "origins": origins,
        "send_wildcard": everybody,
        "always_send": everybody,
        "expose_headers": EXPOSED_HEADERS,
        "max_age": 600,
    }


def init_app(app: Flask) -> None:
    everybody = app.config["CORS_ORIGINS"] == ["*"]
    share = partial(set_cors_headers, options=get_cors_options(app, cors_options(app.config["CORS_ORIGINS"])))
    headers = list(SECURITY_HEADERS.items())
    app.before_request(begin)
    if app.config["TRUSTED_HOSTS"]:
        app.before_request(refuse_untrusted_host)
    if app.config["DEPLOYMENT"]:
        app.before_request(redirect_to_https)
    app.before_request(answer_preflight)
    if everybody:
        app.after_request(lambda response: share(response) if request.method == "OPTIONS" else response)
        with app.request_context(create_environ()):  # `test_request_context` would import debuggers
            headers += [header for header in share(Response()).headers if header[0] not in Response().headers]
    else:
        app.after_request(vary_by_origin)
        app.after_request(share)
    app.after_request(make_conditional)
    # The last one is the first to see a request.
    app.wsgi_app = Envelope(  # type: ignore[method-assign]  # Flask's own idiom
        app.wsgi_app, headers, [("Strict-Transport-Security", HSTS)] if app.config["DEPLOYMENT"] else []
    )
    if app.config["TRUSTED_HOSTS"]:
        app.wsgi_app = LowerCaseHost(app.wsgi_app)  # type: ignore[method-assign]  # Flask's own idiom
    if hops := app.config["PROXY_COUNT"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=1)  # type: ignore[method-assign]  # Flask's own idiom


def _request_id(given: str) -> str:
    """The id that the caller or the router gave, if it is harmless, so that logs on both sides can be joined."""
    return given if GIVEN_ID.fullmatch(given) else f"{getrandbits(128):032x}"


def begin() -> None:
    """Keep what others look up: the id of the request, and when it began on the clock of `monotonic`."""
    g.request_id, g.started = request.environ[REQUEST_ID], monotonic()


def refuse_untrusted_host() -> None:
    """400 for a Host that is not of TRUSTED_HOSTS, before anything is made of it; the answer does not repeat it."""
    if isinstance(request.routing_exception, SecurityError):
        raise BadRequest("The Host header is not the name of this service.")


def redirect_to_https() -> WerkzeugResponse | None:
    """Send plain http to https when deployed; 307 keeps method and body, as the original did."""
    if request.is_secure:
        return None
    if not request.host:
        raise BadRequest("The Host header is not the name of a host.")
    return redirect(request.url.replace("http://", "https://", 1), 307)


def answer_preflight() -> Response | None:
    """Answer a CORS preflight on any path, so that a browser gets to see the 404 or 405 that follows."""
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        return current_app.make_default_options_response()
    return None


def make_conditional(response: Response) -> Response:
    """Give what GET answers a strong ETag, and 304 to a client that has it (RFC 9110, section 13.1.2)."""
    environ = request.environ
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or response.status_code != 200:
        return response
    if not response.headers.getlist("ETag"):
        response.add_etag(overwrite=True)  # which else would look again, at a dearer price
    # If-Match guards writes, see app/web/preconditions.py; of a GET it asks nothing that a client could want.
    if known := environ.get("HTTP_IF_NONE_MATCH"):
        response.make_conditional({"REQUEST_METHOD": environ["REQUEST_METHOD"], "HTTP_IF_NONE_MATCH": known})
    return response


def vary_by_origin(response: Response) -> Response:
    """Keep caches from giving one origin's answer to another; Flask-CORS says so to the origins of the list only."""
    response.vary.add("Origin")
    return response
