"""Our blueprint: a route says who may call it; keys, ids, stray parameters and their documentation follow from that."""

from collections.abc import Callable
from functools import partial, wraps
from http import HTTPStatus
from typing import Any, cast

import flask_smorest
from flask import Blueprint as FlaskBlueprint
from flask import Response, request
from marshmallow import Schema
from werkzeug.routing import BaseConverter

from app.database import revision
from app.extensions import db
from app.schemas.base import ReadSchema
from app.schemas.serialiser import serialiser
from app.web import auditing, body_budget, idempotency, pagination
from app.web.auth import Caller, authorise, declare
from app.web.json import respond
from app.web.openapi import ETAG, REPLAYED, SECURITY_SCHEMES, header_parameter
from app.web.parser import Parser, path_id, refuse_query

View = Callable[..., Any]

LOCATION = {"Location": {"description": "The path of the new record.", "schema": {"type": "string"}}}
ID_PARAMETER = {"in": "path", "name": "id", "description": "The number of the record."}


class IdConverter(BaseConverter):
    """The id in a path. It is read only once the caller is known, so that without a key a bad id is 403, not 422.

    What is a path of its own is no id, for any method: GET there is 405.
    """

    regex = r"(?!(?:bulk|me)(?:/|\Z))[^/]+"


def id_schema(_converter: BaseConverter) -> dict[str, Any]:
    return {"type": "integer", "examples": [1]}


class Blueprint(flask_smorest.Blueprint):
    """A flask-smorest blueprint whose routes take a `caller` and answer with and without a slash at the end."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, name: str, import_name: str, **options: Any) -> None:
        super().__init__(name, import_name, **options)
        self._prepare_doc_cbks.append(_prepare_operation)

    def route(
        self, rule: str, *, caller: Caller, max_body: int | None = None, **options: Any
    ) -> Callable[[View], View]:
        """Register a view for `rule`: authentication first, then the id in the path, then the rest of the request.

        `max_body` is how many bytes a body may have, where that is not MAX_CONTENT_LENGTH.
        """

        def decorator(view: View) -> View:
            guarded = _guard(view, caller, max_body)
            operation = {"operation": (view.__name__, caller, "<" in rule)}
            cast(Any, guarded)._apidoc = getattr(view, "_apidoc", {}) | operation
            parameters = [ID_PARAMETER] if "<" in rule else None
            self.add_url_rule(rule, view.__name__, guarded, parameters=parameters, **options)
            other = rule.removesuffix("/") if rule.endswith("/") else f"{rule}/"
            FlaskBlueprint.add_url_rule(self, other, view.__name__, guarded, **options)
            return view

        return decorator

    def paged(self, query: type[Schema], read: type[Schema], *, description: str) -> Callable[[View], View]:
        """Declare a list: the view takes the values of `query` and returns a `Page` of what `read` says."""

        def decorator(view: View) -> View:
            @self.arguments(query, location="query")
            @self.response(200, read(many=True), description=description, headers=pagination.HEADERS)
            @wraps(view)
            def listed(values: dict[str, Any], **path: int) -> Any:
                return pagination.answer(view, read, values, path)

            return listed

        return decorator

    def response(self, status_code: int, schema: Any, **options: Any) -> Callable[[View], View]:
        """Declare an answer: what the view returns as `schema` has it, with a status and headers if it gives them.

        The view returns a record or a mapping, rows for a schema of many, or a response.
        """
        document: Callable[[View], View] = super().response(status_code, schema, **options)
        if isinstance(schema, dict):  # what is not JSON is described so, and the view returns a response
            return document
        dump = _dumper(schema)

        def decorator(view: View) -> View:
            @wraps(view)
            def answered(*args: Any, **path: int) -> Response:
                result = view(*args, **path)
                if isinstance(result, Response):
                    return result
                content, status, headers = result if isinstance(result, tuple) else (result, status_code, {})
                response = respond(dump(content), status)
                response.headers.update(headers)
                return response

            cast(Any, answered)._apidoc = document(answered)._apidoc  # type: ignore[attr-defined]  # it has no types
            return answered  # flask-smorest's own would look at the answer again

        return decorator

    def arguments(self, schema: type[Schema], **options: Any) -> Callable[[View], View]:
        """As of flask-smorest, but the schema is made once, not for every request."""
        return cast(Callable[[View], View], super().arguments(schema(), **options))


def created(record: Any, new: bool = True) -> Any:
    """201 with the place of `record`, or 200 if it was there before."""
    return (record, 201, {"Location": f"{request.path.rstrip('/')}/{record.id}"}) if new else (record, 200, {})


def _dumper(schema: type[Schema] | Schema) -> View:
    """What makes the JSON of an answer: for records a serialiser, else the schema's own `dump`."""
    if isinstance(schema, Schema):
        return serialiser(type(schema)).rows
    return serialiser(schema).record if issubclass(schema, ReadSchema) else cast(View, schema().dump)


def _guard(view: View, caller: Caller, max_body: int | None) -> View:
    parameters = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", [])
    takes_query = any(parameter["in"] == "query" for parameter in parameters)

    @wraps(view)
    def guarded(**path: str) -> Any:
        revision.require()
        if caller is not Caller.PUBLIC:
            authorise(caller)
            if db.session.registry.has():
                # The body is read next, which may take its time: no transaction, and no lock, waits.
                db.session.commit()
        if max_body:
            request.max_content_length = max_body
        ids = {name: path_id(text) for name, text in path.items()}
        if not takes_query:
            refuse_query(request)
        if caller is Caller.PUBLIC:
            return view(**ids)
        response = _respond(partial(view, **ids))
        db.session.commit()
        return response

    return declare(guarded, caller)


def _respond(act: Callable[[], Response]) -> Response:
    """What `act` answers to a caller with a key; a write is done once, and recorded."""
    if request.method in ("GET", "HEAD"):
        response = act()
        response.headers["Cache-Control"] = "private, no-cache"
        return response
    body_budget.reserve()
    if request.method == "POST":
        return idempotency.once(partial(auditing.recorded, act))
    return auditing.recorded(act)


def _prepare_operation(doc: dict[str, Any], doc_info: dict[str, Any], *, method: str, **_: Any) -> dict[str, Any]:
    """Document the key, the conditions, and every error that follows from what the route takes."""
    doc["operationId"], caller, has_id = doc_info["operation"]
    doc.setdefault("parameters", []).append(header_parameter(method))
    codes = {422, 500, 503} | ({404} if has_id else set()) | ({"post": {409}, "get": set()}.get(method, {412}))
    if method == "post":
        for code in doc_info["success_status_codes"]:
            doc["responses"][code].setdefault("headers", {}).update(REPLAYED)
    if method == "get":
        doc["responses"][200].setdefault("headers", {}).update(ETAG)
        doc["responses"][304] = {"description": "Not modified: the client has it already.", "headers": ETAG}
    if any(parameter["in"] == "query" for parameter in doc["parameters"]):
        codes |= {414}
    if caller is not Caller.PUBLIC:
        codes |= {401, 403, 429}
        doc["security"] = [{scheme: []} for scheme in SECURITY_SCHEMES]
    if "requestBody" in doc:
        codes |= {400, 408, 413, 415}
        content = doc["requestBody"]["content"]
        if method == "patch":
            content["application/merge-patch+json"] = content["application/json"]
    doc["responses"] |= {code: HTTPStatus(code).name for code in sorted(codes)}
    doc["responses"] = dict(sorted(doc["responses"].items()))
    return doc
