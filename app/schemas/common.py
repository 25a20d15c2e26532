"""Bodies that belong to no resource."""

from marshmallow import Schema, fields

from app.schemas.base import AnswerSchema, ReadSchema
from app.schemas.fields import Flag


class Ok(ReadSchema):
    ok = Flag(required=True, description="Always true.", example=True)


class FieldError(Schema):
    place = fields.String(
        data_key="in",
        required=True,
        metadata={"description": "The part of the request.", "enum": ["body", "header", "path", "query"]},
    )
    pointer = fields.String(required=True, metadata={"description": "JSON pointer (RFC 6901) into that part."})
    detail = fields.String(required=True, metadata={"description": "What is wrong there."})


class Problem(AnswerSchema):
    """Problem details (RFC 9457)."""

    type = fields.String(required=True, metadata={"description": "`about:blank`: the status says it all."})
    title = fields.String(required=True, metadata={"description": "The name of the status."})
    status = fields.Integer(required=True, metadata={"description": "The HTTP status."})
    detail = fields.String(required=True, metadata={"description": "What happened, as a sentence to act on."})
    errors = fields.List(
        fields.Nested(FieldError),
        metadata={"description": "With 422: what is wrong in the request, one by one, up to a thousand."},
    )
    request_id = fields.String(required=True, metadata={"description": "Finds this request in the logs."})
