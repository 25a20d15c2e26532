"""The documents of the STAC API, with their links to the rest of this service."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import Connection, Row

from app.database.fairness import in_batches
from app.models.datasets import is_link
from app.schemas.stac import Picked
from app.services import catalogue, stac_collections
from app.web.json import encode
from app.web.links import absolute

VERSION = "1.1.0"
SEARCH = "https://api.stacspec.org/v1.0.0-rc.1/collection-search"
CONFORMS_TO = [
    *("https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/collections"),
    *(SEARCH, f"{SEARCH}#free-text", f"{SEARCH}#sort", f"{SEARCH}#fields"),
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/simple-query",
]
CATALOGUE = {
    "type": "Catalog",
    "stac_version": VERSION,
    "id": "pangeo-forge",
    "title": "Pangeo Forge",
    "description": "Analysis-ready datasets that the recipes of the Pangeo Forge federation have built.",
}
TITLE_MAX = 1000  # characters of the title of a link


class Addresses(NamedTuple):
    """The addresses of this service: computing them takes longer than the rest of a link."""

    stac: str
    datasets: str
    feedstocks: str


def addresses() -> Addresses:
    stac, datasets, feedstocks = map(
        absolute, ("stac.get_landing", "datasets.list_datasets", "feedstocks.list_feedstocks")
    )
    return Addresses(stac, datasets.rstrip("/"), feedstocks.rstrip("/"))


def landing(connection: Connection) -> Iterator[bytes]:
    """Yield the landing page. Titles and ids of datasets are read in batches, because there may be many."""
    of = addresses()
    yield encode(CATALOGUE)[:-1] + b',"links":' + encode(_landing_links(of))[:-1]
    for batch in catalogue.links(connection):
        links = [collection_link("child", number, stac_collections.shown_title(*names), of) for *names, number in batch]
        yield b"," + encode(links)[1:-1]
    yield b'],"conformsTo":' + encode(CONFORMS_TO) + b"}"


def page(
    ids: list[int], links: Sequence[dict[str, str]], picked: Picked | None, connection: Connection
) -> Iterator[bytes]:
    """Yield the page of these collections, in their order, with the fields that are `picked`, by default all."""
    of = addresses()
    yield b'{"collections":['
    separator = b""
    for some in in_batches(ids):
        collections = [collection(row, of) for row in catalogue.collections(some, connection)]
        yield separator + encode(picked.of(collections) if picked else collections)[1:-1]
        separator = b","
    yield b'],"links":%b,"numberReturned":%d}' % (encode(links), len(ids))


def collection(row: Row[Any], of: Addresses) -> dict[str, Any]:
    dataset, fields = f"{of.datasets}/{row.id}", stac_collections.fields(row)
    return {
        "type": "Collection",
        "stac_version": VERSION,
        **fields,
        "assets": _assets(row, dataset),
        "links": [
            collection_link("self", row.id, fields["title"], of),
            json_link("root", of.stac),
            json_link("parent", of.stac),
            json_link("alternate", dataset),
            {"rel": "about", "href": f"https://github.com/{quote(row.feedstock)}", "type": "text/html"},
            *_license_links(row, of),
            *({"rel": "related", "href": link["url"]} | _titled(link.get("title")) for link in _safe(row.related)),
        ],
    }


def collection_link(rel: str, number: int, title: str, of: Addresses) -> dict[str, str]:
    return {"rel": rel, "href": f"{of.stac}/collections/{number}", "type": "application/json", "title": title}


def json_link(rel: str, href: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": "application/json"}


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


def _license_links(row: Row[Any], of: Addresses) -> list[dict[str, str]]:
    """Return a link to the licence, which STAC requires if the licence has no id of SPDX."""
    if row.license_url and is_link(row.license_url):
        return [{"rel": "license", "href": row.license_url} | _titled(row.license_text)]
    if row.license_text and not row.license:
        return [json_link("license", f"{of.feedstocks}/{row.feedstock_id}/metadata") | _titled(row.license_text)]
    return []


def _safe(links: list[dict[str, str]] | None) -> list[dict[str, str]]:
    return [link for link in links or [] if is_link(link["url"])]


def _titled(title: str | None) -> dict[str, str]:
    return {"title": title[:TITLE_MAX]} if title else {}


def _landing_links(of: Addresses) -> list[dict[str, str]]:
    return [
        json_link("self", of.stac),
        json_link("root", of.stac),
        json_link("data", f"{of.stac}/collections"),
        json_link("conformance", f"{of.stac}/conformance"),
        json_link("service-desc", absolute("docs.openapi_json")),
        {"rel": "service-doc", "href": absolute("docs.swagger_ui"), "type": "text/html"},
    ]
