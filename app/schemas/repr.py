"""The HTML representation of a dataset by xarray, on the wire."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from app.schemas.base import AnswerSchema
from app.schemas.fields import Text

URL_MAX = 2048  # characters, like `dataset_public_url` of a run
# Strict about the host, so that every parser of the url finds the same host in it. In the syntax of JSON Schema.
HOST = r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*"
PORT = "([0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
URL = rf"^(https?://{HOST}(:{PORT})?|s3://{HOST}(?=/|$))([/?][^\u0000-\u0020\u007f\\#]*)?$"
EXAMPLE = "https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr"


class StoreUrl(Text):
    default_error_messages = {"form": "Must be a url such as https://host/path or s3://bucket/path."}

    def __init__(self, *, description: str) -> None:
        super().__init__(1, URL_MAX, required=True, description=description, example=EXAMPLE)
        self.metadata = {**self.metadata, "pattern": URL}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not re.fullmatch(URL, text):
            raise self.make_error("form")
        return text


class XarrayQuery(Schema):
    url = StoreUrl(
        description="The url of a dataset. If it is not percent-encoded, the rest of the query string is part of it."
    )


class XarrayRead(AnswerSchema):
    html = fields.String(
        required=True,
        metadata={
            "description": "The HTML that xarray shows for the dataset in a notebook.",
            "examples": ["<div>…</div>"],
        },
    )
    dataset = StoreUrl(description="The url of the request.")
