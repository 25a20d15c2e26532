"""Descriptions, checks and pictures of datasets."""

from typing import Any

from flask import Response, request
from werkzeug.exceptions import NotFound

from app.database import pages
from app.database.filters import with_parent
from app.database.pages import Page
from app.models import DatasetCheck, DatasetDescription
from app.models.dataset_descriptions import RUNNER
from app.schemas.dataset_descriptions import EXAMPLE, CheckQuery, CheckRead, DescriptionRead, DescriptionWrite
from app.services import dataset_descriptions, dataset_links, datasets
from app.web import documents
from app.web.auditing import Written
from app.web.auth import Caller, require_bakeries
from app.web.blueprint import Blueprint
from app.web.preconditions import require_match

THUMBNAIL_AGE = "public, max-age=3600"  # seconds

blp = Blueprint("dataset_descriptions", __name__, url_prefix="/datasets", description="What is in datasets.")


@blp.route("/<id:id>/description", methods=["GET"], caller=Caller.PUBLIC, example_id=7)
@blp.response(200, DescriptionRead, description="The description.")
def get_dataset_description(id: int) -> Response:
    """Get the description of a dataset

    Its variables, its extent and its sizes, as `flask datasets inspect` found them or as a runner sent them. 404 if the
    dataset was not described yet.
    """
    return documents.answer(DatasetDescription, DescriptionRead, id, source=dataset_descriptions)


@blp.route("/<id:id>/description", methods=["PUT"], caller=Caller.RUNNER, example_id=7)
@blp.arguments(DescriptionWrite, example=EXAMPLE)
@blp.response(200, DescriptionRead, description="The stored description.")
def put_dataset_description(values: dict[str, Any], id: int) -> Written:
    """Describe a dataset

    For runners, which know the dataset that they have built. It replaces the whole description, and is about the newest
    build. Fields that are not sent become null.
    """
    dataset = dataset_links.lock(id)
    require_bakeries(dataset.bakery_id)
    found = dataset_descriptions.find(dataset.id)
    exists, described = found is not None, found or DatasetDescription(id=dataset.id)
    require_match(described, DescriptionRead, dataset_descriptions, exists=exists)
    description = dataset_descriptions.describe(dataset.id, dataset.run_id, dataset.url, values, RUNNER)
    return Written(description, [dataset.id])


@blp.route("/<id:id>/checks", methods=["GET"], caller=Caller.PUBLIC, example_id=7)
@blp.paged(CheckQuery, CheckRead, description="A page of checks.")
def list_dataset_checks(query: dict[str, Any], id: int) -> Page:
    """List the checks of a dataset

    Each inspection of the dataset by this service, newest first, of the last 100. docs/using/health.md says what each
    result means.
    """
    return pages.read_page(DatasetCheck, **with_parent(query, dataset_id=datasets.resolve(id)))


@blp.route("/<id:id>/thumbnail.png", methods=["GET"], caller=Caller.PUBLIC, example_id=7, lenient=True)
@blp.response(
    200, {"type": "string", "format": "binary", "examples": [""]}, content_type="image/png", description="The picture."
)
def get_dataset_thumbnail(id: int) -> Response:
    """Get a picture of a dataset

    A small map or line of the first variable that has one, as PNG. Missing values are transparent. 404 if the dataset
    has no picture.
    """
    found = dataset_descriptions.thumbnail(id)
    if found is None:
        raise NotFound(f"thumbnail of dataset {id} not found")
    response = Response(found.png, mimetype="image/png")
    response.set_etag(found.etag)
    response.headers["Cache-Control"] = THUMBNAIL_AGE
    response.make_conditional(request)
    return response
