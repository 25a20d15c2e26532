"""What the program that inspects a dataset shows. A store may have taken it over, so its output is checked."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from app.database.columns import INTEGER_MAX
from app.schemas.base import WriteSchema
from app.schemas.dataset_descriptions import NAME_MAX, DescriptionWrite
from app.schemas.fields import Number, Text

PICTURE_MAX = 128 * 1024  # bytes
PNG = b"\x89PNG\r\n\x1a\n"  # the first bytes of a picture
UNDECODED_MAX = 10
HOSTS_MAX, HOST_MAX = 10, 300  # the program looks at three hosts; characters of an origin


class Png(fields.String):
    """A PNG in base64, of up to PICTURE_MAX bytes. It is loaded as bytes."""

    default_error_messages = {"png": f"Must be a PNG of up to {PICTURE_MAX} bytes in base64."}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            png = b64decode(text, validate=True)
        except ValueError:
            raise self.make_error("png") from None
        if not png.startswith(PNG) or len(png) > PICTURE_MAX:
            raise self.make_error("png")
        return png


class PictureSchema(WriteSchema):
    png = Png(required=True)
    variable = Text(0, NAME_MAX, required=True, description="What it shows.", example="precip")


class SamplesSchema(WriteSchema):
    chunks = Number(0, INTEGER_MAX, required=True, description="The chunks that were read.", example=3)
    missing = Number(0, INTEGER_MAX, required=True, description="Those with missing values only.", example=0)


class ReasonSchema(WriteSchema):
    error = Text(1, NAME_MAX, required=True, description="Why there is no result.", example="large")


class Attempt(fields.Field[Any]):
    """What `result` loads; or an object with the `error` that is the reason why there is none. None if not tried."""

    def __init__(self, result: fields.Field[Any]) -> None:
        super().__init__(load_default=None)
        self.result = result

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if isinstance(value, dict) and "error" in value:
            return ReasonSchema().load(value)
        return self.result.deserialize(value, attr, data, **kwargs)


class FindingsSchema(WriteSchema):
    description = fields.Nested(DescriptionWrite, load_default=None)
    samples = Attempt(fields.Nested(SamplesSchema))
    closed_hosts = Attempt(
        fields.List(
            Text(1, HOST_MAX, description="The origin of a host.", example="https://data.org"),
            validate=validate.Length(max=HOSTS_MAX),
        )
    )
    picture = Attempt(fields.Nested(PictureSchema, allow_none=True))
    undecoded = Attempt(
        fields.List(
            Text(1, NAME_MAX, description="A variable.", example="time"),
            validate=validate.Length(max=UNDECODED_MAX),
        )
    )
