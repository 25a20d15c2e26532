"""What Prometheus scrapes."""

import hmac

from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from app import metrics
from app.auth import Caller, authorise, declare, presented_key
from app.extensions import db
from config import key_digest

blp = Blueprint("metrics", __name__)


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


blp.add_url_rule("/metrics", view_func=declare(scrape, Caller.ADMIN))
blp.add_url_rule("/metrics/", view_func=scrape)
