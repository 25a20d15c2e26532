"""The datasets of production runs as a STAC API. Each dataset is a collection, with its data as an asset."""

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, request
from sqlalchemy import Connection, Row

from app.database.fairness import in_batches
from app.models.datasets import is_link
from app.schemas.base import LIMIT_MAX
from app.schemas.stac import StacCollection, StacCollections, StacConformance, StacLanding, StacPageQuery
from app.services import catalogue, stac_collections
from app.web import documents
from app.web.auth import Caller
from app.web.blueprint import Blueprint
from app.web.json import encode, respond
from app.web.links import absolute

VERSION = "1.1.0"
CONFORMS_TO = ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/collections"]
AT_ONCE = 100  # collections in memory, because a description may be long

blp = Blueprint(
    "stac", __name__, url_prefix="/stac", lenient=True, description="Datasets of production runs as a STAC API."
)


@blp.route("", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, StacLanding, description="The catalogue, with a link to each collection.")
def get_landing() -> Response:
    """Get the landing page of the STAC API

    The entry point for clients such as pystac-client.
    """
    return documents.of_parts(_landing)


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
def list_collections(query: dict[str, int]) -> Response:
    """List STAC collections

    One collection for each dataset of production runs. To read the whole list, follow the link `next`.
    """
    limit, offset = min(query["limit"], LIMIT_MAX), query["offset"]
    ids = catalogue.page(limit, offset)
    links = [_root(), _json("self", _page()), *_neighbours(limit, offset, len(ids) == limit)]
    return documents.of_parts(partial(_collections, ids, links))


@blp.route("/collections/<id:id>", methods=["GET"], caller=Caller.PUBLIC, example_id=7, noun="dataset")
@blp.response(200, StacCollection, description="The collection.")
def get_collection(id: int) -> Response:
    """Get a STAC collection

    The id is that of the dataset. Only datasets of production runs are collections. A dataset that was withdrawn is
    `deprecated`, and no list contains it.
    """
    return respond(_collection(catalogue.collection(id)))


def _landing(connection: Connection) -> Iterator[bytes]:
    """Yield the landing page. Titles and ids of datasets are read in batches, because there may be many."""
    catalog = {
        "type": "Catalog",
        "stac_version": VERSION,
        "id": "pangeo-forge",
        "title": "Pangeo Forge",
        "description": "Analysis-ready datasets that the recipes of the Pangeo Forge federation have built.",
    }
    yield encode(catalog)[:-1] + b',"links":' + encode(_landing_links())[:-1]
    collections = absolute("stac.list_collections")
    for batch in catalogue.links(connection):
        for some in in_batches(batch):
            links = [
                {"rel": "child", "href": f"{collections}/{row.id}", "type": "application/json"}
                | {"title": stac_collections.title(row)}
                for row in some
            ]
            yield b"," + encode(links)[1:-1]
    yield b'],"conformsTo":' + encode(CONFORMS_TO) + b"}"


def _collections(ids: list[int], links: list[dict[str, str]], connection: Connection) -> Iterator[bytes]:
    """Yield the page of these collections."""
    yield b'{"collections":['
    separator = b""
    for start in range(0, len(ids), AT_ONCE):
        for some in in_batches(catalogue.collections(ids[start : start + AT_ONCE], connection)):
            yield separator + encode([_collection(row) for row in some])[1:-1]
            separator = b","
    yield b'],"links":' + encode(links) + b"}"


def _collection(row: Row[Any]) -> dict[str, Any]:
    dataset = absolute("datasets.get_dataset", id=row.id)
    return {
        "type": "Collection",
        "stac_version": VERSION,
        **stac_collections.fields(row),
        "assets": _assets(row, dataset),
        "links": [
            _json("self", absolute("stac.get_collection", id=row.id)) | {"title": stac_collections.title(row)},
            _root(),
            _root("parent"),
            _json("alternate", dataset),
            {"rel": "about", "href": f"https://github.com/{quote(row.feedstock)}", "type": "text/html"},
            *_license_links(row),
            *({"rel": "related", "href": link["url"]} | _titled(link.get("title")) for link in _safe(row.related)),
        ],
    }


def _assets(row: Row[Any], dataset: str) -> dict[str, dict[str, Any]]:
    """Return the data under its type, the description that an inspection or a runner has stored, and a picture."""
    assets = {}
    if data := stac_collections.data_asset(row):
        assets[stac_collections.opening_of(row).type or row.dataset_type or "data"] = data
    if row.described_at:
        assets["description"] = _file(f"{dataset}/description", "metadata", "application/json")
    if row.picture:
        assets["thumbnail"] = _file(f"{dataset}/thumbnail.png", "thumbnail", "image/png")
    elif row.thumbnail_url and is_link(row.thumbnail_url):
        assets["thumbnail"] = {"href": row.thumbnail_url, "roles": ["thumbnail"]}
    return assets


def _file(href: str, role: str, media_type: str) -> dict[str, Any]:
    return {"href": href, "type": media_type, "roles": [role]}


def _license_links(row: Row[Any]) -> list[dict[str, str]]:
    """Return a link to the licence, which STAC requires if the licence has no id of SPDX."""
    if row.license_url and is_link(row.license_url):
        return [{"rel": "license", "href": row.license_url} | _titled(row.license_text)]
    if row.license_text and not row.license:
        metadata = absolute("feedstock_metadata.get_feedstock_metadata", id=row.feedstock_id)
        return [_json("license", metadata) | _titled(row.license_text)]
    return []


def _safe(links: list[dict[str, str]] | None) -> list[dict[str, str]]:
    return [link for link in links or [] if is_link(link["url"])]


def _titled(title: str | None) -> dict[str, str]:
    return {"title": title[:1000]} if title else {}


def _landing_links() -> list[dict[str, str]]:
    return [
        _root("self"),
        _root(),
        _json("data", absolute("stac.list_collections")),
        _json("conformance", absolute("stac.get_conformance")),
        _json("service-desc", absolute("docs.openapi_json")),
        {"rel": "service-doc", "href": absolute("docs.swagger_ui"), "type": "text/html"},
    ]


def _neighbours(limit: int, offset: int, is_full: bool) -> Iterator[dict[str, str]]:
    """Yield links to the next page, if there may be one, and to the page before."""
    if is_full:
        yield _json("next", _page(offset=offset + limit))
    if offset:
        yield _json("prev", _page(offset=max(0, offset - limit)))


def _page(**changes: int) -> str:
    """Return the url of the page that was requested, with other parameters if `changes` has them."""
    asked = request.args.to_dict() | changes
    query = f"?{urlencode(asked, safe=',:/')}" if asked else ""
    return absolute("stac.list_collections") + query


def _root(rel: str = "root") -> dict[str, str]:
    return _json(rel, absolute("stac.get_landing"))


def _json(rel: str, href: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": "application/json"}
