"""Probes: is the process alive, is it ready to serve."""

from flask import Blueprint, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response

from app import readiness
from app.auth import Caller, declare

blp = Blueprint("probes", __name__)


OK = {"status": "ok"}


def root() -> Response:
    """The process answers; exactly `{"status":"ok"}`, which the original's deployment compares byte by byte.

    Whoever would rather have HTML, as browsers say and programs do not, is led to the dashboard.
    """
    accepted = request.accept_mimetypes
    rather = accepted["text/html"] > accepted["application/json"]
    response = redirect(url_for("dashboard.overview"), 303) if rather else jsonify(OK)
    response.vary.add("Accept")
    return response


def healthz() -> dict[str, str]:
    """The process answers; asks no database."""
    return OK


def readyz() -> dict[str, str]:
    """The database answers and is the one this release needs; 503 says what is wrong."""
    readiness.check()
    return OK


for rule, view in (("/", root), ("/healthz", healthz), ("/readyz", readyz)):
    blp.add_url_rule(rule, view_func=declare(view, Caller.PUBLIC))
    if rule != "/":
        blp.add_url_rule(f"{rule}/", view_func=view)
