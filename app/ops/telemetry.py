"""Sentry and OpenTelemetry, if a variable turns them on. Their packages are optional, see requirements/."""

from importlib import import_module
from types import ModuleType
from typing import Any

from flask import Flask

from app.keys import mask_keys
from config import ConfigError


def init_app(app: Flask) -> None:
    """Raise ConfigError if a variable turns on a package that is not installed."""
    if dsn := app.config["SENTRY_DSN"]:
        report_errors(dsn, app.config["DEPLOYMENT"])
    if app.config["OTEL_ENDPOINT"]:
        trace(app)


def report_errors(dsn: str, deployment: str) -> None:
    """Send errors to Sentry. Of the request, send only method and path: the rest may have a key in it."""
    _extra("sentry_sdk", "SENTRY_DSN", "sentry").init(
        dsn=dsn,
        environment=deployment or "local",
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        before_send=without_secrets,
    )


def without_secrets(event: dict[str, Any], _hint: dict[str, Any]) -> dict[str, Any]:
    given = event.get("request", {})
    event["request"] = {name: mask_keys(given[name]) for name in ("method", "url") if name in given}
    return event


def trace(app: Flask) -> None:
    """Trace each request without its headers. The library reads the variables OTEL_*."""
    flask, sdk = (_opentelemetry(name) for name in ("instrumentation.flask", "sdk.trace"))
    provider = app.extensions["traces"] = sdk.TracerProvider()
    flask.FlaskInstrumentor().instrument_app(app, tracer_provider=provider, response_hook=clean)


def export(app: Flask) -> None:
    """Start to send traces to the collector, in a process that does not fork any more.

    See https://opentelemetry-python.readthedocs.io/en/latest/examples/fork-process-model/README.html.
    """
    if provider := app.extensions.get("traces"):
        names = ("sdk.trace.export", "exporter.otlp.proto.http.trace_exporter")
        export, exporter = (_opentelemetry(name) for name in names)
        provider.add_span_processor(export.BatchSpanProcessor(exporter.OTLPSpanExporter()))


def clean(span: Any, _status: str, _headers: object) -> None:
    """Remove queries and keys from the name of the span, and from the attributes of old and new semantic conventions.

    If no route fits a path, the span is named after the path.
    """
    if span and span.is_recording():
        names = ("http.target", "http.url", "url.path", "url.full")
        urls = {name: span.attributes[name].partition("?")[0] for name in names if name in span.attributes}
        span.set_attributes({name: mask_keys(url) for name, url in urls.items()} | {"url.query": ""})
        span.update_name(mask_keys(span.name))


def _opentelemetry(name: str) -> ModuleType:
    return _extra(f"opentelemetry.{name}", "OTEL_EXPORTER_OTLP_ENDPOINT", "otel")


def _extra(module: str, variable: str, extra: str) -> ModuleType:
    """Import an optional module. It is large, and most installations do not have it."""
    try:
        return import_module(module)
    except ImportError:
        file = f"requirements/{extra}.txt"
        raise ConfigError(f"{variable} is set but {module} is not installed: pip install -r {file}.") from None
