"""Bodies that do not belong to a resource."""

from marshmallow import Schema, fields

from app.schemas.base import AnswerSchema, ReadSchema
from app.schemas.fields import Flag


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
