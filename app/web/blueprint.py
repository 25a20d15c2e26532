"""The blueprint of all routes: authentication, ids, query parameters, answers, and one commit for each write."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, cast

import flask_smorest
from flask import Blueprint as FlaskBlueprint
from flask import Response, request
from marshmallow import Schema
from werkzeug.routing import BaseConverter

from app.database import revision
from app.extensions import db
from app.schemas.base import ReadSchema
from app.web import body_budget, idempotency, pagination
from app.web.auditing import Written, add_entries
from app.web.auth import Caller, authorise, declare
from app.web.json import json_serialiser, respond
from app.web.links import with_prefix
from app.web.parser import Parser, path_id, refuse_query
from app.web.query_strings import ignore_unknown, parameters

View = Callable[..., Any]

LOCATION = {"Location": {"description": "The path of the new record.", "schema": {"type": "string"}}}
ID_PARAMETER = {"in": "path", "name": "id", "description": "The number of the record."}


class IdConverter(BaseConverter):
    """The id in a path. It is validated after authentication, so that without a key a bad id is 403, not 422.

    `bulk`, `me` and `facets` are not ids, because there are separate paths for them: GET /recipe_runs/bulk is 405, not
    422.
    """

    regex = r"(?!(?:bulk|me|facets)\Z)[^/]+"
    part_isolating = True


def id_schema(_converter: BaseConverter) -> dict[str, Any]:
    return {"type": "integer", "examples": [1]}


class Blueprint(flask_smorest.Blueprint):
    """A flask-smorest blueprint. Its routes declare a `caller`, and answer with and without a slash at the end.

    The routes of a `lenient` blueprint ignore query parameters that they do not know, because people link to them. So
    does a `lenient` route of another.
    """

    ARGUMENTS_PARSER = Parser()

    def __init__(self, *args: Any, lenient: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.lenient = lenient

    def route(
        self,
        rule: str,
        *,
        caller: Caller,
        max_body: int | None = None,
        example_id: int = 1,
        noun: str = "",
        lenient: bool = False,
        **options: Any,
    ) -> Callable[[View], View]:
        """Register a view for `rule`. Authentication comes first, then the id in the path, then the other input.

        `max_body` is the limit of a body in bytes, if it is not MAX_CONTENT_LENGTH. `example_id` exists in the example
        catalogue of `flask seed`. An id that is not a number is 422, or 404 with `noun` if that is given.
        """

        def decorator(view: View) -> View:
            guarded = _guard(view, caller, max_body, lenient or self.lenient, noun)
            schema = {"type": "integer", "examples": [example_id]}
            parameters = [ID_PARAMETER | {"schema": schema}] if "<" in rule else None
            self.add_url_rule(rule, view.__name__, guarded, parameters=parameters, **options)
            if rule.endswith("/"):  # otherwise, a method that the path without the slash does not have would be 404
                FlaskBlueprint.add_url_rule(self, rule.removesuffix("/"), view.__name__, guarded, **options)
            return view

        return decorator

    def paged(self, query: type[Schema], read: type[Schema], *, description: str) -> Callable[[View], View]:
        """Declare a list: the view receives the values of `query` and returns a `Page`, which `read` serialises."""

        def decorator(view: View) -> View:
            @self.arguments(query, location="query")
            @self.response(200, read(many=True), description=description, headers=pagination.HEADERS)
            @wraps(view)
            def listed(values: dict[str, Any], **path: int) -> Any:
                return pagination.answer(view, read, values, path)

            return listed

        return decorator

    def response(self, status_code: int, schema: Any, **options: Any) -> Callable[[View], View]:
        """Declare an answer: `schema` serialises what the view returns, and a write is added to the audit log.

        The view returns a record or a mapping, rows for a schema of many, `Written` if it writes, or a response.
        """
        document: Callable[[View], View] = super().response(status_code, schema, **options)
        dump = _dumper(schema)

        def decorator(view: View) -> View:
            @wraps(view)
            def answered(*args: Any, **path: int) -> Response:
                result = view(*args, **path)
                if isinstance(result, Written):
                    response = respond(dump(result.content), result.status or status_code)
                    response.headers.update(result.headers)
                    add_entries(result)
                    return response
                return result if isinstance(result, Response) else respond(dump(result), status_code)

            return document(answered)

        return decorator

    def arguments(self, schema: type[Schema], *, location: str = "json", **options: Any) -> Callable[[View], View]:
        """Like that of flask-smorest, but the schema is created once, not for every request."""
        instance = schema()
        parse: Callable[[View], View] = super().arguments(instance, location=location, **options)

        def decorator(view: View) -> View:
            parsed = parse(view)
            if location == "query":
                cast(Any, parsed).parameters = parameters(instance)
            return parsed

        return decorator


def created(record: Any, new: bool = True) -> Written:
    """201 with the path of `record`, or 200 if it existed before."""
    if not new:
        return Written(record, [record.id], 200, changed=False)
    location = {"Location": with_prefix(f"{request.path.rstrip('/')}/{record.id}")}
    return Written(record, [record.id], 201, location)


def _dumper(schema: type[Schema] | Schema | dict[str, Any]) -> View:
    """The function that turns what a view returns into JSON objects: a serialiser for records, else `dump`.

    A dict is a schema of OpenAPI: the view returns what is sent, or a response that is not JSON.
    """
    if isinstance(schema, dict):
        return lambda content: content
    if isinstance(schema, Schema):
        return lambda rows: json_serialiser(type(schema)).rows(rows)
    if issubclass(schema, ReadSchema):
        return lambda record: json_serialiser(schema).record(record)
    return cast(View, schema().dump)


def _guard(view: View, caller: Caller, max_body: int | None, lenient: bool, noun: str) -> View:
    known: frozenset[str] = getattr(view, "parameters", frozenset())

    @wraps(view)
    def guarded(**path: str) -> Any:
        revision.require()
        if max_body:
            request.max_content_length = max_body
        if caller not in (Caller.PUBLIC, Caller.READER):
            authorise(caller, path.get("id", ""))
            if db.session.registry.has():
                # A slow client may take long to send the body, which is read next. No transaction stays open for it.
                db.session.commit()
        ids = {name: path_id(text, noun) for name, text in path.items()}
        if lenient:
            ignore_unknown(known)
        elif not known:
            refuse_query(request)
        if caller is Caller.PUBLIC:
            return view(**ids)
        response = view(**ids) if caller is Caller.READER else _respond(partial(view, **ids))
        db.session.commit()
        return response

    return declare(guarded, caller)


def _respond(act: Callable[[], Response]) -> Response:
    """The answer of `act` for a caller that is known. A POST with an Idempotency-Key is done once."""
    if request.method not in ("GET", "HEAD"):
        body_budget.reserve()
    if request.method == "POST":
        return idempotency.once(act)
    response = act()
    if request.method in ("GET", "HEAD"):
        response.headers["Cache-Control"] = "private, no-cache"
    return response
