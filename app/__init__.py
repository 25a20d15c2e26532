"""The Pangeo Forge API. `create_app` assembles the application; no module inside `app` imports it."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface

from app import cli
from app.dashboard import views
from app.extensions import db
from app.ops import request_log, telemetry
from app.repr import opener
from app.routes import BLUEPRINTS, UNDOCUMENTED_BLUEPRINTS
from app.web import body_budget, headers, limits, openapi, problems
from app.web.blueprint import IdConverter
from app.web.json import OrjsonProvider


class NoSession(SessionInterface):
    """The service has no sessions. Flask requires a session interface."""

    none = NullSession()

    def open_session(self, _app: Flask, _request: Request) -> NullSession:
        return self.none


class Application(Flask):
    json_provider_class = OrjsonProvider
    session_interface = NoSession()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return `func`. Flask calls this a dozen times per request to wrap coroutines, and no function here is one."""
        return func

    def log_exception(self, exc_info: Any) -> None:
        problems.log_bug(exc_info)


def create_app(config: dict[str, Any]) -> Flask:
    """Return the application for the settings that `config.load` returns."""
    app = Application(__name__, static_folder=None)
    app.config.from_mapping(config)
    # A path is the same with and without a slash at its end: a redirect would cost a round trip.
    app.url_map.merge_slashes = app.url_map.strict_slashes = False
    app.url_map.converters["id"] = IdConverter

    request_log.init_app(app)
    headers.init_app(app)
    limits.init_app(app)
    body_budget.init_app(app)
    db.init_app(app)
    opener.init_app(app)
    problems.init_app(app)
    for blueprint in (*BLUEPRINTS, *UNDOCUMENTED_BLUEPRINTS, views.blp):
        app.register_blueprint(blueprint)
    app.extensions["openapi_json"] = openapi.document(BLUEPRINTS)
    cli.init_app(app)
    telemetry.init_app(app)
    return app
