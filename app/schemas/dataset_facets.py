"""Facets of datasets on the wire."""

from functools import partial

from app.schemas.base import AnswerSchema
from app.schemas.datasets import DatasetQuery
from app.schemas.fields import Flag, Number, ObjectList, Text

Count = partial(Number, 0, 10**9, example=12)


class FacetValue(AnswerSchema):
    value = Text(
        0, 1000, required=True, allow_none=True, description="The value; null for datasets without one.", example="zarr"
    )
    count = Count(required=True, description="How many of the datasets have it.")


class HealthValue(AnswerSchema):
    value = Flag(required=True, allow_none=True, description="Null if it is not known.", example=True)
    count = Count(required=True, description="How many of the datasets are so.")


class DatasetFacets(AnswerSchema):
    count = Count(required=True, description="How many datasets are counted.")
    complete = Flag(
        required=True,
        description="Whether these are all datasets that match. Otherwise the first ones of the list are counted.",
        example=True,
    )
    dataset_type = ObjectList(FacetValue, description="The types, the most frequent first.")
    format = ObjectList(FacetValue, description="The formats that were found, or else the types.")
    license = ObjectList(FacetValue, description="The licences of the data, by their ids of SPDX.")
    healthy = ObjectList(HealthValue, description="The results of the last checks.")
    owner = ObjectList(FacetValue, description="The owners of the feedstocks.")
    keyword = ObjectList(FacetValue, description="The keywords, up to 50.")
    variable = ObjectList(
        FacetValue,
        description="The names of data variables, up to 50, of the first 50 of each dataset. The filter `variable` "
        "also finds coordinates and standard names.",
    )


class FacetQuery(DatasetQuery):  # type: ignore[valid-type, misc]  # a function creates it
    """The filters of the list of datasets."""

    class Meta:
        exclude = ("limit", "offset", "cursor", "count", "fields")
