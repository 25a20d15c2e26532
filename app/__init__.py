"""The Pangeo Forge API: `create_app` puts the parts together. Nothing inside `app` imports this module's names."""

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
from app.web import body_budget, headers, limits, problems
from app.web.blueprint import IdConverter, id_schema
from app.web.json import OrjsonProvider
from app.web.openapi import SETTINGS, api, document


class NoSession(SessionInterface):
    """Nothing of a request is kept for the next."""

    none = NullSession()

    def open_session(self, _app: Flask, _request: Request) -> NullSession:
        return self.none


class Application(Flask):
    json_provider_class = OrjsonProvider
    session_interface = NoSession()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing to do: no function of ours is a coroutine, of a dozen that Flask asks about in every request."""
        return func


def create_app(config: dict[str, Any]) -> Flask:
    """The application for `config`, as `config.load` gives it."""
    app = Application(__name__, static_folder=None)
    app.config.from_mapping(SETTINGS)
    app.config.from_mapping(config)
    # Both forms of a path have a rule of their own: a redirect would cost a round trip and trust the Host header.
    app.url_map.merge_slashes = app.url_map.strict_slashes = False
    app.url_map.converters["id"] = IdConverter

    request_log.init_app(app)
    headers.init_app(app)
    problems.init_app(app)
    limits.init_app(app)
    body_budget.init_app(app)
    db.init_app(app)
    opener.init_app(app)
    api.init_app(app)
    api.register_converter(IdConverter, id_schema)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    for plain in (*UNDOCUMENTED_BLUEPRINTS, views.blp):
        app.register_blueprint(plain)
    app.extensions["openapi_json"] = document(app)
    cli.init_app(app)
    telemetry.init_app(app)
    return app
