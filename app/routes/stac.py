"""The datasets of production runs as a STAC API. Each dataset is a collection with one asset."""

from typing import Any
from urllib.parse import quote

from sqlalchemy import Row

from app.database.columns import wire_time
from app.database.fairness import paced
from app.extensions import db
from app.models.datasets import is_link
from app.schemas.stac import StacCollection, StacCollections, StacConformance, StacLanding, StacPageQuery
from app.services import datasets
from app.web.auth import Caller
from app.web.blueprint import Blueprint
from app.web.links import absolute

VERSION = "1.1.0"
CONFORMS_TO = ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/collections"]
# https://github.com/radiantearth/stac-spec/blob/master/best-practices.md#common-media-types-in-stac
MEDIA_TYPES = {
    "zarr": "application/vnd.zarr",
    "kerchunk": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
ANYWHERE_ANYTIME = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}

blp = Blueprint(
    "stac", __name__, url_prefix="/stac", lenient=True, description="Datasets of production runs as a STAC API."
)


@blp.route("", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, StacLanding, description="The catalogue, with a link to each collection.")
def get_landing() -> dict[str, Any]:
    """Get the landing page of the STAC API

    The entry point for clients such as pystac-client.
    """
    published = datasets.production()
    db.session.commit()  # release the connection while the links are built
    return {
        "type": "Catalog",
        "stac_version": VERSION,
        "id": "pangeo-forge",
        "title": "Pangeo Forge",
        "description": "Analysis-ready datasets that the recipes of the Pangeo Forge federation have built.",
        "conforms_to": CONFORMS_TO,
        "links": [*_landing_links(), *(_link("child", dataset) for dataset in paced(published))],
    }


@blp.route("/conformance", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, StacConformance, description="The conformance classes of the STAC API.")
def get_conformance() -> dict[str, Any]:
    """Get the conformance of the STAC API

    The conformance classes of the STAC API, as on the landing page.
    """
    return {"conforms_to": CONFORMS_TO}


@blp.route("/collections", methods=["GET"], caller=Caller.PUBLIC)
@blp.arguments(StacPageQuery, location="query")
@blp.response(200, StacCollections, description="A page of collections.")
def list_collections(query: dict[str, int]) -> dict[str, Any]:
    """List STAC collections

    One collection for each dataset of production runs. To read the whole list, follow the link `next`.
    """
    published = datasets.production(**query)
    links = [_root(), _json("self", absolute("stac.list_collections", **query))]
    if len(published) == query["limit"]:
        following = query | {"offset": query["offset"] + query["limit"]}
        links.append(_json("next", absolute("stac.list_collections", **following)))
    return {"collections": [_collection(dataset) for dataset in paced(published)], "links": links}


@blp.route("/collections/<id:id>", methods=["GET"], caller=Caller.PUBLIC, example_id=7)
@blp.response(200, StacCollection, description="The collection.")
def get_collection(id: int) -> dict[str, Any]:
    """Get a STAC collection

    The id is that of the dataset. Only datasets of production runs are collections.
    """
    return _collection(datasets.get(id))


def _collection(dataset: Row[Any]) -> dict[str, Any]:
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "id": str(dataset.id),
        "title": _title(dataset),
        "description": f"Built by the recipe {dataset.recipe_id} of the feedstock {dataset.feedstock}.",
        "license": "other",
        "extent": ANYWHERE_ANYTIME,
        "providers": [{"name": dataset.bakery, "roles": ["processor"]}],
        "created": wire_time(dataset.first_build),
        "updated": wire_time(dataset.last_build),
        "assets": {dataset.dataset_type or "data": _asset(dataset)} if is_link(dataset.url) else {},
        "links": [
            _link("self", dataset),
            _root(),
            _root("parent"),
            _json("alternate", absolute("datasets.get_dataset", id=dataset.id)),
            {"rel": "about", "href": f"https://github.com/{quote(dataset.feedstock)}", "type": "text/html"},
        ],
    }


def _asset(dataset: Row[Any]) -> dict[str, Any]:
    media_type = MEDIA_TYPES.get(dataset.dataset_type or "")
    return {"href": dataset.url, "roles": ["data"]} | ({"type": media_type} if media_type else {})


def _landing_links() -> list[dict[str, str]]:
    return [
        _root("self"),
        _root(),
        _json("data", absolute("stac.list_collections")),
        _json("conformance", absolute("stac.get_conformance")),
        _json("service-desc", absolute("docs.openapi_json")),
        {"rel": "service-doc", "href": absolute("docs.swagger_ui"), "type": "text/html"},
    ]


def _root(rel: str = "root") -> dict[str, str]:
    return _json(rel, absolute("stac.get_landing"))


def _link(rel: str, dataset: Row[Any]) -> dict[str, str]:
    return _json(rel, absolute("stac.get_collection", id=dataset.id)) | {"title": _title(dataset)}


def _json(rel: str, href: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": "application/json"}


def _title(dataset: Row[Any]) -> str:
    return f"{dataset.feedstock}: {dataset.recipe_id}"
