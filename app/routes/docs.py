"""Swagger UI and the OpenAPI document. Every file comes from this service, none from another host."""

from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import orjson
from flask import Blueprint, Response, current_app, redirect, render_template, request, send_from_directory, url_for
from werkzeug.wrappers import Response as WerkzeugResponse

from app.web.auth import Caller, declare

SWAGGER_UI = str(files("flask_swagger_ui") / "dist")
# Our own script and style sheet, because the policy forbids inline ones, and the datasets of the example catalogue.
OWN = Path(__file__).parents[1] / "static/docs"
OWN_NAMES = {path.name for path in OWN.iterdir()}
# Swagger UI contains its icons as data: urls; everything else is a file of this service.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blp = Blueprint("docs", __name__)


def swagger_ui() -> Response:
    """The interactive documentation."""
    response = current_app.make_response(render_template("docs.html"))
    response.headers["Content-Security-Policy"] = POLICY
    return response


def file(name: str) -> Response:
    """A file of ours or of Swagger UI's own distribution."""
    name = name.rstrip("/")  # <path:name> also matches a slash at the end
    if name.partition("/")[0] in OWN_NAMES:
        return send_from_directory(OWN, name)
    return send_from_directory(SWAGGER_UI, name, max_age=86400)


def openapi_json() -> Response:
    """The OpenAPI 3.1 document."""
    document = current_app.extensions["openapi_json"]
    if request.script_root:  # otherwise the default is right, the root of the host
        document = with_server(document, request.script_root)
    return current_app.response_class(document, mimetype="application/json")


@lru_cache(maxsize=8)
def with_server(document: bytes, url: str) -> bytes:
    """`document` for a service whose paths begin at `url`."""
    return orjson.dumps(orjson.loads(document) | {"servers": [{"url": url}]}, option=orjson.OPT_INDENT_2)


def redoc() -> WerkzeugResponse:
    """Redirect to Swagger UI. The original had ReDoc here."""
    return redirect(url_for("docs.swagger_ui"), 308)


VIEWS: dict[str, Callable[..., WerkzeugResponse]] = {
    "/docs": swagger_ui,
    "/docs/<path:name>": file,
    "/openapi.json": openapi_json,
    "/redoc": redoc,
}
for rule, view in VIEWS.items():
    blp.add_url_rule(rule, view_func=declare(view, Caller.PUBLIC))
