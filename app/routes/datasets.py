"""Datasets: what runs have published, to be found and opened."""

from typing import Any

from flask import Response

from app.database.pages import Page
from app.models import Dataset
from app.schemas.datasets import DatasetDetail, DatasetListQuery, DatasetRead
from app.services import datasets
from app.web import documents
from app.web.auth import Caller
from app.web.blueprint import Blueprint

blp = Blueprint("datasets", __name__, url_prefix="/datasets", description="What runs have published.")


@blp.route("/", methods=["GET"], caller=Caller.PUBLIC)
@blp.paged(DatasetListQuery, DatasetRead, description="A page of datasets.")
def list_datasets(query: dict[str, Any]) -> Page:
    """List datasets

    One entry for all builds that a recipe of a feedstock has had of one type, as their newest successful run left it;
    the last built first. Those of production runs, unless `type` says otherwise.
    """
    return datasets.page(**query)


@blp.route("/<id:id>", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, DatasetDetail, description="The dataset with its builds.")
def get_dataset(id: int) -> Response:
    """Get a dataset

    With the runs that have built it. The number of any of these runs will do for the dataset's own.
    """
    return documents.answer(Dataset, DatasetDetail, id, source=datasets)
