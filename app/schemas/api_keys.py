"""API keys on the wire."""

from app.models.api_keys import ADMIN
from app.models.recipe_runs import SYSTEM
from app.schemas.base import ReadSchema, WriteSchema
from app.schemas.fields import Flag, Text, Timestamp


class APIKeyCreate(WriteSchema):
    label = Text(
        1,
        100,
        load_default=None,
        allow_none=True,
        description="Who uses the key, as the history of runs will name them.",
        example="dataflow",
        reserved=(ADMIN, SYSTEM),
    )
    is_admin = Flag(load_default=False, description="Whether the key may create keys too.")


class APIKeyCreated(ReadSchema):
    is_active = Flag(required=True, description="Whether the key works.", example=True)
    is_admin = Flag(required=True, description="Whether the key may create keys too.")
    created_at = Timestamp(required=True, description="When the key was made.")
    key = Text(
        32,
        32,
        required=True,
        description="The key itself, shown this once and stored nowhere.",
        example="3d5a1b0c9e8f47a6b2d4c6e8f0a1b3c5",
    )
