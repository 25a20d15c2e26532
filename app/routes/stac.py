"""The datasets of production runs as a STAC API. Each dataset is a collection, with its data as an asset."""

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from app.routes import stac_documents
from app.routes.stac_documents import CONFORMS_TO, json_link
from app.schemas.base import LIMIT_MAX
from app.schemas.stac import StacCollection, StacCollections, StacConformance, StacLanding, StacSearchQuery
from app.services import catalogue
from app.web import documents
from app.web.auth import Caller
from app.web.blueprint import Blueprint
from app.web.json import respond
from app.web.links import absolute

blp = Blueprint(
    "stac", __name__, url_prefix="/stac", lenient=True, description="Datasets of production runs as a STAC API."
)


@blp.route("", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, StacLanding, description="The catalogue, with a link to each collection.")
def get_landing() -> Response:
    """Get the landing page of the STAC API

    The entry point for clients such as pystac-client.
    """
    return documents.of_parts(stac_documents.landing)


@blp.route("/conformance", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, StacConformance, description="The conformance classes of the STAC API.")
def get_conformance() -> dict[str, Any]:
    """Get the conformance of the STAC API

    The conformance classes of the STAC API, as on the landing page.
    """
    return {"conforms_to": CONFORMS_TO}


@blp.route("/collections", methods=["GET"], caller=Caller.PUBLIC)
@blp.arguments(StacSearchQuery, location="query")
@blp.response(200, StacCollections, description="A page of collections.")
def list_collections(query: dict[str, Any]) -> Response:
    """Find STAC collections

    One collection for each dataset of production runs, or for those that match all parameters. To read the whole list,
    follow the link `next`.
    """
    picked, limit = query.pop("picked", None), min(query.pop("limit"), LIMIT_MAX)
    ids = catalogue.search(limit=limit, **query)
    links = [
        json_link("root", absolute("stac.get_landing")),
        json_link("self", _page()),
        *_neighbours(limit, query["offset"], len(ids) == limit),
    ]
    return documents.of_parts(partial(stac_documents.page, ids, links, picked))


@blp.route("/collections/<id:id>", methods=["GET"], caller=Caller.PUBLIC, example_id=7, noun="dataset")
@blp.response(200, StacCollection, description="The collection.")
def get_collection(id: int) -> Response:
    """Get a STAC collection

    The id is that of the dataset. Only datasets of production runs are collections. A dataset that was withdrawn is
    `deprecated`, and no list contains it.
    """
    return respond(stac_documents.collection(catalogue.collection(id), stac_documents.addresses()))


def _neighbours(limit: int, offset: int, is_full: bool) -> Iterator[dict[str, str]]:
    """Yield links to the next page, if there may be one, and to the page before."""
    if is_full:
        yield json_link("next", _page(offset=offset + limit))
    if offset:
        yield json_link("prev", _page(offset=max(0, offset - limit)))


def _page(**changes: int) -> str:
    """Return the url of the page that was requested, with other parameters if `changes` has them."""
    asked = request.args.to_dict() | changes
    return absolute("stac.list_collections") + (f"?{urlencode(asked, safe=',:/')}" if asked else "")
