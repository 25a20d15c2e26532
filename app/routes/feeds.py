"""What programs of other people read: news readers, pages with badges, Intake."""

import re
from typing import Any

from flask import Response, current_app, render_template

from app.auth import Caller
from app.extensions import db
from app.json import encode
from app.models import Feedstock, RecipeRun
from app.models.columns import wire_time
from app.routes import intake
from app.routes.blueprint import Blueprint
from app.routes.links import absolute
from app.services import catalogue, outcomes, records

ENTRIES = 50
NEVER = "1970-01-01T00:00:00Z"
# Whether the newest run was a success: word, width in pixels, colour.
BADGES = {True: ("passing", 54, "#1a7f37"), False: ("failing", 48, "#cf222e"), None: ("no status", 62, "#57606a")}
BADGE_AGE = "public, max-age=300"  # seconds; GitHub, which shows badges through a cache of its own, keeps to it
# Characters that XML 1.0 has no way to write (section 2.2); some of them can be in a recipe's id.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Characters of JSON that YAML refuses (YAML 1.2, section 5.1), or takes for the ends of lines, if they are not escaped.
NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")

blp = Blueprint("feeds", __name__, description="For news readers, README files and Intake.")


def like(example: str) -> dict[str, Any]:
    """A schema for what is no JSON, and so is of no JSON type."""
    return {"examples": [example]}


@blp.route("/catalog.yaml", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, like('{"version":2}'), content_type="application/yaml", description="The catalogue.")
def get_intake_catalog() -> Response:
    """Get the datasets as an Intake catalogue

    Those of production runs whose type is known, for `intake.open_catalog` of Intake 2. The YAML is JSON.
    """
    datasets = catalogue.production()
    db.session.commit()  # the document takes its time: no connection waits for it
    document = NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", encode(intake.catalog(datasets)).decode())
    return current_app.response_class(document, mimetype="application/yaml")


@blp.route("/feedstocks/<id:id>/feed.atom", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(
    200,
    like('<feed xmlns="http://www.w3.org/2005/Atom"></feed>'),
    content_type="application/atom+xml",
    description="The feed (RFC 4287).",
)
def get_feed(id: int) -> Response:
    """Follow the runs of a feedstock

    An Atom feed of the runs that have ended, the last 50.
    """
    feedstock = records.get(Feedstock, id)
    runs = [_entry(run) for run in outcomes.finished(feedstock, ENTRIES)]
    updated = runs[0]["ended"] if runs else NEVER
    url = absolute("feeds.get_feed", id=id)
    return _xml("application/atom+xml", "feed.xml", url=url, feedstock=feedstock, runs=runs, updated=updated)


@blp.route("/feedstocks/<id:id>/badge.svg", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(
    200, like('<svg xmlns="http://www.w3.org/2000/svg"/>'), content_type="image/svg+xml", description="The badge."
)
def get_badge(id: int) -> Response:
    """Show how a feedstock is doing

    An image for its README: whether its newest production run that succeeded, failed or timed out is `passing` or
    `failing`.
    """
    word, width, colour = BADGES[outcomes.passing(records.get(Feedstock, id))]
    response = _xml("image/svg+xml", "badge.svg", word=word, width=width, colour=colour)
    response.headers["Cache-Control"] = BADGE_AGE
    return response


def _entry(run: RecipeRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "url": absolute("recipe_runs.get_recipe_run", id=run.id),
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
