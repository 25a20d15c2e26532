"""The secrets with which bakeries sign their reports, on the wire."""

from app.schemas.base import Id, ReadSchema, WriteSchema
from app.schemas.fields import Number, Text, Timestamp

OVERLAP_DEFAULT, OVERLAP_MAX = 24 * 60, 30 * 24 * 60  # minutes


class BakerySecretCreate(WriteSchema):
    overlap_minutes = Number(
        0,
        OVERLAP_MAX,
        load_default=OVERLAP_DEFAULT,
        description="How many minutes the former secret remains valid. With 0 it expires at once.",
        example=OVERLAP_DEFAULT,
    )


class BakerySecretCreated(ReadSchema):
    id = Id(required=True)
    bakery_id = Id(required=True, description="The id of the bakery.")
    secret = Text(
        50,
        50,
        required=True,
        description="The secret, as the libraries of Standard Webhooks expect it. The service does not show it again.",
        example="whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    )
    created_at = Timestamp(required=True, description="When the secret was created.")
    created_by = Text(1, 100, required=True, description="Who created the secret.", example="admin")
