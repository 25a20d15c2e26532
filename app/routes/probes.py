"""Probes: is the process alive, is it ready to serve."""

from flask import Blueprint, current_app
from werkzeug.wrappers import Response

from app import readiness
from app.auth import Caller, declare

blp = Blueprint("probes", __name__)


def _ok() -> Response:
    return current_app.json.response(status="ok")


def root() -> Response:
    """The process answers; exactly `{"status":"ok"}`, which the original's deployment compares byte by byte."""
    return _ok()


def healthz() -> Response:
    """The process answers; asks no database."""
    return _ok()


def readyz() -> Response:
    """The database answers and is the one this release needs; 503 says what is wrong."""
    readiness.check()
    return _ok()


for rule, view in (("/", root), ("/healthz", healthz), ("/readyz", readyz)):
    blp.add_url_rule(rule, view_func=declare(view, Caller.PUBLIC))
    if rule != "/":
        blp.add_url_rule(f"{rule}/", view_func=view)
