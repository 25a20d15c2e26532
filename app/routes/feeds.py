"""Formats for other programs: Atom feeds and badges."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from flask import Response, current_app, render_template

from app.database.columns import wire_time
from app.models import Feedstock, RecipeRun
from app.services import feedstocks, records
from app.web.auth import Caller
from app.web.blueprint import Blueprint
from app.web.links import absolute

ENTRIES = 50  # in a feed
# Ids of feeds and entries are tag: URIs (RFC 4151), so that they do not change with the address of the service. The
# project owns this domain name since before that year.
TAG = "tag:pangeo-forge.org,2022:{deployment}/{path}"
EPOCH = "1970-01-01T00:00:00Z"
# For each result of `feedstocks.passing`: word, width in pixels, colour.
BADGES = {True: ("passing", 54, "#1a7f37"), False: ("failing", 48, "#cf222e"), None: ("no status", 62, "#57606a")}
BADGE_AGE = "public, max-age=300"  # seconds; the image cache of GitHub respects this
# Characters that XML 1.0 cannot represent (section 2.2). A recipe_id may contain them.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

blp = Blueprint("feeds", __name__, lenient=True, description="Atom feeds and badges.")


def example_schema(example: str) -> dict[str, Any]:
    """Return the schema of an answer that is not JSON: an example without a type."""
    return {"examples": [example]}


@blp.route("/feed.atom", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(
    200,
    example_schema('<feed xmlns="http://www.w3.org/2005/Atom"></feed>'),
    content_type="application/atom+xml",
    description="The feed (RFC 4287).",
)
def get_feed_of_all() -> Response:
    """Follow the runs of all feedstocks

    An Atom feed of the 50 runs that ended last, without stale runs.
    """
    page = absolute("dashboard.recipe_runs")
    return _feed("feed", "Finished runs", absolute("feeds.get_feed_of_all"), page, feedstocks.newest(ENTRIES))


@blp.route("/feedstocks/<id:id>/feed.atom", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(
    200,
    example_schema('<feed xmlns="http://www.w3.org/2005/Atom"></feed>'),
    content_type="application/atom+xml",
    description="The feed (RFC 4287).",
)
def get_feed(id: int) -> Response:
    """Follow the runs of a feedstock

    An Atom feed of the 50 runs that ended last, without stale runs.
    """
    feedstock = records.get(Feedstock, id)
    runs, title = feedstocks.finished(feedstock, ENTRIES), f"Finished runs of {feedstock.spec}"
    page = absolute("dashboard.feedstock", id=id)
    return _feed(f"feedstocks/{id}", title, absolute("feeds.get_feed", id=id), page, runs)


@blp.route("/feedstocks/<id:id>/badge.svg", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(
    200,
    example_schema('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    content_type="image/svg+xml",
    description="The badge.",
)
def get_badge(id: int) -> Response:
    """Show how a feedstock is doing

    A badge for its README. It is `passing` if the newest production run that succeeded, failed or timed out is a
    success, `failing` if it is not, and `no status` if there is none.
    """
    word, width, colour = BADGES[feedstocks.passing(records.get(Feedstock, id))]
    response = _xml("image/svg+xml", "badge.svg", word=word, width=width, colour=colour)
    response.headers["Cache-Control"] = BADGE_AGE
    return response


def _feed(path: str, title: str, url: str, page: str, runs: Sequence[RecipeRun]) -> Response:
    """Return the feed with the id of `path`, whose address is `url`. `page` shows the same to people."""
    entries = [_entry(run) for run in runs]
    updated = entries[0]["ended"] if entries else EPOCH
    feed = {"id": _tag(path), "title": title, "url": url, "page": page, "updated": updated}
    return _xml("application/atom+xml", "feed.xml", feed=feed, runs=entries)


def _tag(path: str) -> str:
    """Return the id of a feed or an entry. Runs of two deployments have the same numbers, but not the same ids."""
    return TAG.format(deployment=quote(current_app.config["DEPLOYMENT"] or "local", safe=""), path=path)


def _entry(run: RecipeRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "tag": _tag(f"recipe_runs/{run.id}"),
        "page": absolute("dashboard.recipe_run", id=run.id),
        "url": absolute("recipe_runs.get_recipe_run", id=run.id),
        "feedstock": run.feedstock.spec,
        "recipe_id": run.recipe_id,
        "outcome": run.conclusion or "no conclusion",
        "is_test": run.is_test,
        "head_sha": run.head_sha,
        "bakery": run.bakery.name,
        "dataset": run.dataset_public_url,
        "started": wire_time(run.started_at),
        "ended": wire_time(run.completed_at or run.started_at),
    }


def _xml(mimetype: str, template: str, **values: Any) -> Response:
    document = NOT_XML.sub("\N{REPLACEMENT CHARACTER}", render_template(template, **values))
    return current_app.response_class(document, mimetype=mimetype)
