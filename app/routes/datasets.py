"""Datasets: what runs have published, to be found and opened."""

from typing import Any

from flask import Response

from app.auth import Caller
from app.models import Dataset
from app.routes import details
from app.routes.blueprint import Blueprint
from app.schemas.datasets import DatasetDetail, DatasetListQuery, DatasetRead
from app.services import catalogue
from app.services.pages import Page

blp = Blueprint("datasets", __name__, url_prefix="/datasets", description="What runs have published.")


@blp.route("/", methods=["GET"], caller=Caller.PUBLIC)
@blp.paged(DatasetListQuery, DatasetRead, description="A page of datasets.")
def list_datasets(query: dict[str, Any]) -> Page:
    """List datasets

    One entry for all builds that a recipe of a feedstock has had of one type, as their newest successful run left it;
    the last built first. Those of production runs, unless `type` says otherwise.
    """
    return catalogue.page(**query)


@blp.route("/<id:id>", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, DatasetDetail, description="The dataset with its builds.")
def get_dataset(id: int) -> Response:
    """Get a dataset

    With the runs that have built it. The number of any of these runs will do for the dataset's own.
    """
    return details.answer(Dataset, DatasetDetail, id, source=catalogue)
