"""Bodies and fields that several resources share."""

from functools import partial

from marshmallow import Schema, fields

from app.schemas.base import AnswerSchema, ReadSchema
from app.schemas.fields import Flag, Timestamp

RetiredAt = partial(
    Timestamp,
    allow_none=True,
    description="When it was retired; null if it is in use. Lists hide what is retired, and it gets no new runs.",
)
IncludeRetired = partial(
    Flag, in_query=True, load_default=False, example=True, description="Also list what is retired."
)


class Ok(ReadSchema):
    ok = Flag(required=True, description="Always true.", example=True)


class FieldError(Schema):
    place = fields.String(
        data_key="in",
        required=True,
        metadata={
            "description": "The part of the request that has the error.",
            "enum": ["body", "header", "path", "query"],
            "component": "ErrorPlace",
        },
    )
    pointer = fields.String(required=True, metadata={"description": "A JSON pointer (RFC 6901) into that part."})
    detail = fields.String(required=True, metadata={"description": "What is wrong, as a sentence."})


class Problem(AnswerSchema):
    """Problem details (RFC 9457)."""

    type = fields.String(
        required=True, metadata={"description": "Always `about:blank`: the status is the type of the problem."}
    )
    title = fields.String(required=True, metadata={"description": "The name of the status."})
    status = fields.Integer(required=True, metadata={"description": "The HTTP status."})
    detail = fields.String(required=True, metadata={"description": "What went wrong and what to do about it."})
    errors = fields.List(
        fields.Nested(FieldError),
        metadata={"description": "Only with 422: the errors in the request, at most 1,000."},
    )
    request_id = fields.String(required=True, metadata={"description": "The id of this request in the logs."})
