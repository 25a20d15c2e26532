"""Probes and metrics: whether the process is alive, whether it can serve, and what Prometheus scrapes."""

import hmac
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, redirect, request, url_for
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from werkzeug.wrappers import Response as WerkzeugResponse

from app.database import revision
from app.extensions import db
from app.keys import key_digest
from app.ops import metrics
from app.web.auth import Caller, authorise, declare, presented_key

blp = Blueprint("probes", __name__)

OK = {"status": "ok"}


def root() -> WerkzeugResponse:
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
    revision.check()
    return OK


def scrape() -> Response:
    """All metrics, for the key of METRICS_KEY_SHA256, which opens nothing else, and for administrators."""
    if not is_scraper():
        authorise(Caller.ADMIN)
        db.session.commit()  # the use of the key; no lock waits for what follows
    return Response(metrics.exposition(current_app), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def is_scraper() -> bool:
    """Whether the key in the request is that of METRICS_KEY_SHA256; without a look into the database."""
    key = presented_key()
    digest = key_digest(current_app.config["ENCRYPTION_SALT"], key)
    return bool(key) and hmac.compare_digest(digest, current_app.config["METRICS_KEY_SHA256"])


VIEWS: dict[str, tuple[Callable[[], Any], Caller]] = {
    "/": (root, Caller.PUBLIC),
    "/healthz": (healthz, Caller.PUBLIC),
    "/readyz": (readyz, Caller.PUBLIC),
    "/metrics": (scrape, Caller.ADMIN),
}
for rule, (view, caller) in VIEWS.items():
    blp.add_url_rule(rule, view_func=declare(view, caller))
    if rule != "/":
        blp.add_url_rule(f"{rule}/", view_func=view)
