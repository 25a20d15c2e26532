"""What xarray shows of a dataset, on the wire."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from app.schemas.base import AnswerSchema
from app.schemas.fields import Text

URL_MAX = 2048  # characters, as a run's dataset_public_url
LABEL = r"[\w-]{1,63}"
# Strict about the host, so that nobody who reads the url takes another for it.
URL = re.compile(
    rf"(?:https?://{LABEL}(?:\.{LABEL})*(?::(?P<port>[0-9]{{1,5}}))?|s3://{LABEL}(?:\.{LABEL})*(?=/|\Z))"
    r"(?:[/?][^\x00-\x20\x7f\\#]*)?",
    re.ASCII | re.IGNORECASE,
)


class StoreUrl(Text):
    default_error_messages = {"form": "Must be a url such as https://host/path or s3://bucket/path."}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        found = URL.fullmatch(text)
        if not found or int(found["port"] or 0) > 65535:
            raise self.make_error("form")
        return text


class XarrayQuery(Schema):
    url = StoreUrl(
        1,
        URL_MAX,
        required=True,
        description="The url of a Zarr store: percent-encoded, or as it is, and then all that follows is part of it.",
        example="https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr",
    )


class XarrayRead(AnswerSchema):
    html = fields.String(
        required=True,
        metadata={"description": "What xarray shows of the dataset in a notebook.", "examples": ["<div>…</div>"]},
    )
    dataset = StoreUrl(
        1,
        URL_MAX,
        required=True,
        description="The url that was asked for.",
        example="https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr",
    )
