"""Each request is logged and counted once, when it has been answered."""

import logging
from time import monotonic

from flask import Flask, Response, g, request

from app.keys import mask_keys
from app.ops import metrics

logger = logging.getLogger("app.requests")


def init_app(app: Flask) -> None:
    app.after_request(finish)


def finish(response: Response) -> Response:
    """Note the request: now, or if its answer is streamed, once that has been sent or the client has gone."""
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

    def note() -> None:
        seconds = monotonic() - started
        logger.info("request", extra=fields | {"ms": round(seconds * 1000, 1)})
        metrics.observe(fields["method"], fields["route"], fields["status"], seconds)

    if response.is_streamed and not response.direct_passthrough:
        response.call_on_close(note)
    else:
        note()
    return response
