"""The routes of the dashboard: HTML pages that show answers of the API."""

from collections.abc import Callable
from functools import partial, wraps
from itertools import product
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, redirect, render_template, request
from marshmallow import Schema
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as WerkzeugResponse

from app.dashboard import datasets, details, lists, recipe_runs, recipes, words
from app.dashboard.downloads import download
from app.dashboard.queries import FORMS, Listing
from app.dashboard.recipe_paths import RecipeConverter
from app.database import revision
from app.database.fairness import paced
from app.web.accept import prefers_html
from app.web.auth import Caller, declare
from app.web.links import with_prefix, with_query
from app.web.parser import path_id
from app.web.problems import problem
from app.web.query_strings import ignore_unknown, parameters

# Scripts, styles and images are files of this service; nothing is inline.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# For each page, its view and the query parameters that it knows.
PAGES: dict[str, tuple[Callable[..., str], Schema]] = {
    "": (details.overview, details.QUERY),
    "/bakeries": (lists.bakeries, lists.BAKERIES.query),
    "/bakeries/<id:id>": (details.bakery, details.PARENT_QUERY),
    "/feedstocks": (lists.feedstocks, lists.FEEDSTOCKS.query),
    "/feedstocks/<id:id>": (details.feedstock, details.PARENT_QUERY),
    "/feedstocks/<id:id>/recipes/<recipe:recipe_id>": (recipes.recipe, recipes.KIND),
    "/recipe_runs": (lists.recipe_runs, lists.RUNS.query),
    "/recipe_runs/<id:id>": (recipe_runs.recipe_run, Schema()),
    "/datasets": (datasets.datasets, datasets.DATASETS.query),
    "/datasets/<id:id>": (datasets.dataset, Schema()),
    "/guide": (details.guide, Schema()),
}
# The lists that are files, too, in each of the FORMS.
FILES: dict[str, Listing] = {
    "bakeries": lists.BAKERIES,
    "feedstocks": lists.FEEDSTOCKS,
    "recipe_runs": lists.RUNS,
    "datasets": datasets.DATASETS,
}
UNKNOWN = (None, "dashboard.unknown_page", "docs.file")  # endpoints of paths that are not those of the API
# Kept in memory: a few kilobytes.
ASSETS = {path.name: path.read_bytes() for path in (Path(__file__).parents[1] / "static/dashboard").iterdir()}

blp = Blueprint("dashboard", __name__, url_prefix="/dashboard")
blp.record(lambda state: state.app.url_map.converters.update(recipe=RecipeConverter))


def page(view: Callable[..., str | Response], query: Schema) -> Callable[..., Any]:
    """Wrap a view: require the revision of the database, parse the id, and ignore unknown parameters.

    Empty parameters are dropped by a redirect, because a browser sends the empty fields of a form.
    """
    known = parameters(query)

    @wraps(view)
    def shown(**path: str) -> str | WerkzeugResponse:
        revision.require()
        parts = {name: path_id(text) if name == "id" else text for name, text in path.items()}
        ignore_unknown(known)
        filled = [(name, value) for name, value in request.args.items(multi=True) if value]
        if len(filled) < len(list(request.args.items(multi=True))):
            return redirect(with_query(with_prefix(request.path), filled), 303)
        return view(**parts)

    return declare(shown, Caller.PUBLIC)


def asset(name: str) -> Response:
    """The style sheet, a script or the icon."""
    name = name.rstrip("/")  # <path:name> also matches a slash at the end
    if name not in ASSETS:
        raise NotFound
    return current_app.response_class(ASSETS[name], mimetype=guess_type(name)[0])


def unknown_page(path: str) -> str:
    """Raise 404 for any other path below /dashboard, so that `finish` shows it as HTML."""
    raise NotFound


@blp.after_request
def finish(response: Response) -> Response:
    """Render problem responses as HTML, and add the Content-Security-Policy."""
    return as_page(response) if response.mimetype == "application/problem+json" else with_policy(response)


def as_page(response: Response) -> Response:
    """A problem response as HTML."""
    response.set_data(render_template("dashboard/problem.html", problem=response.get_json()))
    response.mimetype = "text/html"
    return with_policy(response)


def with_policy(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    return response


@blp.app_errorhandler(NotFound)
def show_unknown_path(error: NotFound) -> Response:
    """404 as a page, if a browser asks for a path that the service does not have; otherwise as for any client."""
    response = problem(error)
    return as_page(response) if request.endpoint in UNKNOWN and prefers_html() else response


for rule, (view, query) in PAGES.items():
    guarded = page(view, query)
    blp.add_url_rule(rule, view.__name__, guarded)
for (name, listing), form in product(FILES.items(), FORMS):
    guarded = page(partial(download, listing, form), listing.query)
    blp.add_url_rule(f"/{name}.{form}", f"{name}_{form}", guarded)
VIEWS: dict[str, Callable[..., Any]] = {"/assets/<path:name>": asset, "/<path:path>": unknown_page}
for rule, plain in VIEWS.items():
    blp.add_url_rule(rule, view_func=declare(plain, Caller.PUBLIC))
for word in (*words.FILTERS, paced):
    blp.add_app_template_filter(word)
