"""Datasets: what runs have published."""

from typing import Any

from flask import Response

from app.database.pages import Page
from app.models import Dataset
from app.schemas.datasets import DatasetDetail, DatasetQuery, DatasetRead
from app.services import datasets
from app.web import documents
from app.web.auth import Caller
from app.web.blueprint import Blueprint

blp = Blueprint("datasets", __name__, url_prefix="/datasets", description="The datasets that runs have published.")


@blp.route("/", methods=["GET"], caller=Caller.PUBLIC)
@blp.paged(DatasetQuery, DatasetRead, description="A page of datasets.")
def list_datasets(query: dict[str, Any]) -> Page:
    """List datasets

    All builds of one recipe, feedstock and dataset type are one dataset. Its `url` is that of the newest build. The
    list contains the datasets of production runs, unless `type` says otherwise, newest first.
    """
    return datasets.page(**query)


@blp.route("/<id:id>", methods=["GET"], caller=Caller.PUBLIC, example_id=7)
@blp.response(200, DatasetDetail, description="The dataset with its builds.")
def get_dataset(id: int) -> Response:
    """Get a dataset

    The answer contains the runs that have built the dataset. Instead of the id of the dataset, the id of any of these
    runs can be used.
    """
    return documents.answer(Dataset, DatasetDetail, id, source=datasets)
