"""Probes and metrics: liveness, readiness and the metrics of Prometheus."""

import hmac
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, redirect, url_for
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from werkzeug.wrappers import Response as WerkzeugResponse

from app.database import revision
from app.extensions import db
from app.keys import key_digest
from app.ops import metrics
from app.web.accept import prefers_html
from app.web.auth import Caller, authorise, declare, presented_key

blp = Blueprint("probes", __name__)

OK = {"status": "ok"}


def root() -> WerkzeugResponse:
    """Answer exactly `{"status":"ok"}`: the deployment of the original compares the bytes.

    A client that prefers HTML to JSON, such as a browser, is redirected to the dashboard.
    """
    response = redirect(url_for("dashboard.overview"), 303) if prefers_html() else jsonify(OK)
    response.vary.add("Accept")
    return response


def healthz() -> dict[str, str]:
    """Liveness: the process answers. It does not use the database."""
    return OK


def readyz() -> dict[str, str]:
    """Readiness: the database answers and has the revision of this release. Otherwise 503 says what is wrong."""
    revision.check()
    return OK


def scrape() -> Response:
    """All metrics, for administrators and for the key of METRICS_KEY_SHA256, which has no other right."""
    if not is_scraper():
        authorise(Caller.ADMIN)
        db.session.commit()  # store the use of the key, and release its lock before the metrics are read
    return Response(metrics.exposition(current_app), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def is_scraper() -> bool:
    """Whether the request has the key of METRICS_KEY_SHA256. It does not use the database."""
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
