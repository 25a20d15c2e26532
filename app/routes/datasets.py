"""Datasets: what runs have published, and links to other datasets."""

from typing import Any

from flask import Response

from app.database import pages
from app.database.filters import with_parent
from app.database.pages import Page
from app.extensions import db
from app.models import Dataset, DatasetEvent
from app.schemas.common import Ok
from app.schemas.dataset_facets import DatasetFacets, FacetQuery
from app.schemas.datasets import (
    DatasetCreate,
    DatasetDetail,
    DatasetEventQuery,
    DatasetEventRead,
    DatasetQuery,
    DatasetRead,
    DatasetUpdate,
)
from app.services import dataset_links, datasets
from app.services.dataset_facets import facets
from app.web import documents
from app.web.auditing import Written
from app.web.auth import Caller
from app.web.blueprint import LOCATION, Blueprint, created
from app.web.preconditions import require_match

# A dataset that the example catalogue does not have.
NEW_LINK = {
    "feedstock_id": 2,
    "recipe_id": "example",
    "dataset_type": "zarr",
    "url": "https://data.org/example.zarr",
    "title": "An example",
}

blp = Blueprint("datasets", __name__, url_prefix="/datasets", description="Datasets, and what has built them.")


@blp.route("/", methods=["GET"], caller=Caller.PUBLIC)
@blp.paged(DatasetQuery, DatasetRead, description="A page of datasets.")
def list_datasets(query: dict[str, Any]) -> Page:
    """List datasets

    All builds of one recipe, feedstock and dataset type are one dataset. Its `url` is that of the newest build. The
    list contains the datasets of production runs, unless `type` says otherwise, newest first, and links before them.
    """
    return datasets.page(**query)


@blp.route("/facets", methods=["GET"], caller=Caller.PUBLIC)
@blp.arguments(FacetQuery, location="query")
@blp.response(200, DatasetFacets, description="The values of the datasets, with their numbers.")
def get_dataset_facets(query: dict[str, Any]) -> dict[str, Any]:
    """Count datasets by their values

    The datasets are those of the list with the same parameters: how many have which type, keyword, variable, licence,
    health and owner of the feedstock. At most 5000 are counted, the first ones in the order of the list.
    """
    return facets(query)


@blp.route("/", methods=["POST"], caller=Caller.WRITER)
@blp.arguments(DatasetCreate, example=NEW_LINK)
@blp.response(201, DatasetRead, description="The new dataset.", headers=LOCATION)
@blp.alt_response(200, schema=DatasetRead, description="The dataset existed, with the same content.", success=True)
@blp.alt_response(409, "CONFLICT")
def create_dataset(values: dict[str, Any]) -> Written:
    """Create a link to a dataset

    It adds a dataset that no run of this service has built. When a run with the same feedstock, recipe, dataset type
    and kind publishes a dataset, that is a build of it.
    """
    id, new = dataset_links.add_link(values)
    return created(db.session.get(Dataset, id, populate_existing=True), new)


@blp.route("/<id:id>", methods=["GET"], caller=Caller.PUBLIC, example_id=7)
@blp.response(200, DatasetDetail, description="The dataset with its builds.")
def get_dataset(id: int) -> Response:
    """Get a dataset

    The answer contains the runs that have built the dataset. The id of a dataset never leads to another one, and never
    to none: a dataset without a build has the time of its withdrawal in `withdrawn_at`. The id of any of the runs can
    be used too, as long as it has built the dataset.
    """
    return documents.answer(Dataset, DatasetDetail, id, source=datasets)


@blp.route("/<id:id>/events", methods=["GET"], caller=Caller.PUBLIC, example_id=7)
@blp.paged(DatasetEventQuery, DatasetEventRead, description="A page of the history of the dataset.")
def list_dataset_events(query: dict[str, Any], id: int) -> Page:
    """List the events of a dataset

    Which build replaced which, when a link changed, and when the dataset was withdrawn, ordered by id. Builds that are
    older than this history are in the list of builds.
    """
    return pages.read_page(DatasetEvent, **with_parent(query, dataset_id=datasets.resolve(id)))


@blp.route("/<id:id>", methods=["PATCH"], caller=Caller.WRITER, example_id=7)
@blp.arguments(DatasetUpdate, example={"title": "GPCP, daily"})
@blp.response(200, DatasetRead, description="The updated dataset.")
@blp.alt_response(409, "CONFLICT")
def update_dataset(values: dict[str, Any], id: int) -> Written:
    """Update a dataset

    Sets the fields of the request (RFC 7396). The `url` of a dataset that runs have built follows from the newest of
    these runs, so it cannot be changed here.
    """
    dataset = dataset_links.lock(id)
    require_match(dataset, DatasetDetail, datasets)
    changed = dataset_links.change(dataset, values)
    return Written(db.session.get(Dataset, dataset.id, populate_existing=True), [dataset.id], changed=changed)


@blp.route("/<id:id>", methods=["DELETE"], caller=Caller.WRITER, example_id=7)
@blp.response(200, Ok, description="The link is withdrawn.")
@blp.alt_response(409, "CONFLICT")
def withdraw_dataset(id: int) -> Written:
    """Withdraw a link

    Lists do not contain it any more, but its id still leads to it. The answer is 409 for a dataset that runs have
    built.
    """
    dataset = dataset_links.lock(id)
    require_match(dataset, DatasetDetail, datasets)
    return Written({"ok": True}, [dataset.id], changed=dataset_links.withdraw(dataset))
