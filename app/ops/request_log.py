"""Logs and counts each request once, after its answer."""

import logging
from time import monotonic

from flask import Flask, Response, g, request

from app.keys import mask_keys
from app.ops import metrics

logger = logging.getLogger("app.requests")


def init_app(app: Flask) -> None:
    app.after_request(finish)


def finish(response: Response) -> Response:
    """Log and count the request: now, or after a streamed answer was sent or its client disconnected."""
    started, rule = g.started, request.url_rule
    fields = {
        "method": request.method,
        "route": (rule.rule.rstrip("/") or "/") if rule else metrics.NO_ROUTE,
        "path": mask_keys(request.path),
        "status": response.status_code,
        "key": g.get("actor"),
        "request_id": g.request_id,
        "address": request.remote_addr,
    }

    def log_and_count() -> None:
        seconds = monotonic() - started
        logger.info("request", extra=fields | {"ms": round(seconds * 1000, 1)})
        metrics.observe(fields["method"], fields["route"], fields["status"], seconds)

    if response.is_streamed and not response.direct_passthrough:
        response.call_on_close(log_and_count)
    else:
        log_and_count()
    return response
