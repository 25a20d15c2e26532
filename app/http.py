"""What holds for every request: its id, https, preflights, security headers, proxies."""

import re
from collections.abc import Iterable
from random import getrandbits
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response, current_app, g, redirect, request
from werkzeug.exceptions import BadRequest, SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as WerkzeugResponse

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
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
    app.before_request(assign_request_id)
    app.before_request(refuse_untrusted_host)
    app.before_request(redirect_to_https)
    app.before_request(answer_preflight)
    # The last one registered is the first to run.
    app.after_request(add_headers)
    app.after_request(make_conditional)
    if app.config["CORS_ORIGINS"] != ["*"]:
        app.after_request(vary_by_origin)
    if app.config["TRUSTED_HOSTS"]:
        app.wsgi_app = LowerCaseHost(app.wsgi_app)  # type: ignore[method-assign]  # Flask's own idiom
    if hops := app.config["PROXY_COUNT"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=1)  # type: ignore[method-assign]  # Flask's own idiom


def assign_request_id() -> None:
    """Take the id the caller or the router gave, if it is harmless, so that logs on both sides can be joined."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if GIVEN_ID.fullmatch(given) else f"{getrandbits(128):032x}"


def refuse_untrusted_host() -> None:
    """400 for a Host that is not of TRUSTED_HOSTS, before anything is made of it; the answer does not repeat it."""
    if isinstance(request.routing_exception, SecurityError):
        raise BadRequest("The Host header is not the name of this service.")


def redirect_to_https() -> WerkzeugResponse | None:
    """Send plain http to https when deployed; 307 keeps method and body, as the original did."""
    if current_app.config["DEPLOYMENT"] and not request.is_secure:
        if not request.host:
            raise BadRequest("The Host header is not the name of a host.")
        return redirect(request.url.replace("http://", "https://", 1), 307)
    return None


def answer_preflight() -> Response | None:
    """Answer a CORS preflight on any path, so that a browser gets to see the 404 or 405 that follows."""
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        return current_app.make_default_options_response()
    return None


def make_conditional(response: Response) -> Response:
    """Give what GET answers a strong ETag, and 304 without a body to a client that has it (RFC 9110, section 13.1.2).

    Such answers may be kept but have to be asked about each time; errors, and answers to writes, are not to be kept.
    """
    if request.method not in ("GET", "HEAD") or response.status_code != 200:
        response.headers.setdefault("Cache-Control", "no-store")
        return response
    response.headers.setdefault("Cache-Control", "no-cache")
    response.add_etag()  # if it has none yet
    # If-Match guards writes, see app/routes/conditional.py; of a GET it asks nothing that a client could want.
    if known := request.environ.get("HTTP_IF_NONE_MATCH"):
        response.make_conditional({"REQUEST_METHOD": request.method, "HTTP_IF_NONE_MATCH": known})
    return response


def vary_by_origin(response: Response) -> Response:
    """Keep caches from giving one origin's answer to another; Flask-CORS says so to the origins of the list only."""
    response.vary.add("Origin")
    return response


def add_headers(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)  # the documentation has a policy of its own
    if current_app.config["DEPLOYMENT"] and request.is_secure:
        response.headers["Strict-Transport-Security"] = HSTS
    return response
