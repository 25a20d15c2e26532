"""Sentry and OpenTelemetry: only where a variable asks for them, and their packages are an extra."""

from importlib import import_module
from types import ModuleType
from typing import Any

from flask import Flask

from app.keys import mask_keys
from config import ConfigError


def init_app(app: Flask) -> None:
    """Raises ConfigError, a sentence, where the extra that a variable asks for is not installed."""
    if dsn := app.config["SENTRY_DSN"]:
        report_errors(dsn, app.config["DEPLOYMENT"])
    if app.config["OTEL_ENDPOINT"]:
        trace(app)


def report_errors(dsn: str, deployment: str) -> None:
    """Send errors to Sentry, but nothing of what a client sent except method and path: there may be a key in it."""
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
    """Make a trace of every request, but of none of its headers; OTEL_* is read by the library."""
    flask, sdk = (_opentelemetry(name) for name in ("instrumentation.flask", "sdk.trace"))
    provider = app.extensions["traces"] = sdk.TracerProvider()
    flask.FlaskInstrumentor().instrument_app(app, tracer_provider=provider, response_hook=clean)


def export(app: Flask) -> None:
    """Send the traces, if there are any, to the collector; for a process that will not fork any more.

    After https://opentelemetry-python.readthedocs.io/en/latest/examples/fork-process-model/README.html.
    """
    if provider := app.extensions.get("traces"):
        names = ("sdk.trace.export", "exporter.otlp.proto.http.trace_exporter")
        export, exporter = (_opentelemetry(name) for name in names)
        provider.add_span_processor(export.BatchSpanProcessor(exporter.OTLPSpanExporter()))


def clean(span: Any, _status: str, _headers: object) -> None:
    """Take query and keys from the attributes that old and new semantic conventions have for them, and from the name.

    The name of a span is its path where no route fits.
    """
    if span and span.is_recording():
        names = ("http.target", "http.url", "url.path", "url.full")
        urls = {name: span.attributes[name].partition("?")[0] for name in names if name in span.attributes}
        span.set_attributes({name: mask_keys(url) for name, url in urls.items()} | {"url.query": ""})
        span.update_name(mask_keys(span.name))


def _opentelemetry(name: str) -> ModuleType:
    return _extra(f"opentelemetry.{name}", "OTEL_EXPORTER_OTLP_ENDPOINT", "otel")


def _extra(module: str, variable: str, extra: str) -> ModuleType:
    """A module that is imported only if it is asked for: it is large, and most installations do not have it."""
    try:
        return import_module(module)
    except ImportError:
        file = f"requirements/{extra}.txt"
        raise ConfigError(f"{variable} is set but {module} is not installed: pip install -r {file}.") from None
