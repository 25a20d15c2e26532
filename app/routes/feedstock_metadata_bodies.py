"""The body of a request that describes a feedstock: JSON, or its files meta.yaml and catalog.yaml as they are."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.errors import ERRORS_MAX
from app.schemas.feedstock_metadata import FeedstockMetadataWrite
from app.services import feedstock_files, yaml_documents
from app.web.parser import Parser, whole_body

# RFC 9512 registers the first one; the others are what programs sent before.
YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
JSON = ("application/json", "")

View = Callable[..., Any]

_parser, _schema = Parser(), FeedstockMetadataWrite()


def with_metadata(view: View) -> View:
    """Give the view the metadata of the body, and what was ignored of it."""

    @wraps(view)
    def read(**path: int) -> Any:
        return view(*_read(), **path)

    return read


def _read() -> tuple[dict[str, Any], list[dict[str, str]]]:
    if request.mimetype not in (*YAML, *JSON):
        types = "application/json, or YAML with Content-Type: application/yaml"
        raise UnsupportedMediaType(f"Send JSON with Content-Type: {types}, not {request.mimetype}.")
    if request.mimetype in JSON:
        return _parser.parse(_schema, request, location="json"), []
    notes: yaml_documents.Notes = []
    try:
        text = whole_body(request).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequest(f"The YAML is not UTF-8: {error.reason} at byte {error.start}.") from None
    documents = yaml_documents.read(text, notes)
    values = feedstock_files.metadata(feedstock_files.merged(documents, notes), notes)
    return values, notes[:ERRORS_MAX]
