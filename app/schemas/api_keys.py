"""API keys on the wire."""

import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from app.database.columns import now
from app.models.api_keys import ADMIN, ADMIN_SCOPE, BAKERY_SCOPE, UNLABELLED, WRITE_SCOPE
from app.models.bakery_secrets import SIGNED_BY
from app.models.recipe_runs import SYSTEM
from app.schemas.base import Id, ReadSchema, WriteSchema, page_query, time_range
from app.schemas.fields import Flag, Number, Text, Timestamp

RESERVED = (ADMIN, SYSTEM, UNLABELLED)
SCOPES_MAX = 100
GRACE_DEFAULT, GRACE_MAX = 24, 30 * 24  # hours


def _require_distinct(label: str) -> None:
    """Refuse a label that a reader of the history could mistake for an actor of the service itself."""
    if not label.isprintable():
        raise ValidationError("Must contain printable characters only.")
    plain = unicodedata.normalize("NFKC", label).strip().casefold()
    if plain in RESERVED or plain.startswith(SIGNED_BY):
        raise ValidationError(f"{label} is reserved.")


Label = partial(
    Text,
    1,
    100,
    allow_none=True,
    description="Who uses the key. The history of runs shows it as the actor.",
    example="dataflow",
)
NewLabel = partial(Label, rules=(_require_distinct,))
IsActive = partial(Flag, description="Whether the key is active; `false` means that it is revoked.", example=True)
ExpiresAt = partial(
    Timestamp,
    allow_none=True,
    description="When the key expires; null if it never does.",
    example="2027-03-03T00:00:00Z",
)
NullableTime = partial(Timestamp, required=True, allow_none=True)


class Scopes(fields.List[Any]):
    """What an API key may do."""

    def __init__(self, **options: Any) -> None:
        pattern = f"({ADMIN_SCOPE}|{WRITE_SCOPE}|{BAKERY_SCOPE.format('[1-9][0-9]{0,9}')})\\Z"
        known = validate.Regexp(
            pattern, error="Must be admin, write or bakery:ID with the id of a bakery, such as bakery:1."
        )
        metadata = {
            "description": "What the key may do. `admin`: everything. `write`: everything except the administration of "
            "keys. `bakery:1`: only write the runs of that bakery; a key can have several scopes of this form.",
            "examples": [[WRITE_SCOPE]],
        }
        rules: list[Callable[[Any], Any]] = [validate.Length(1, SCOPES_MAX), _refuse_mixed]
        super().__init__(fields.String(validate=known), validate=rules, metadata=metadata, **options)


def _refuse_mixed(scopes: list[str]) -> None:
    if len(scopes) > 1 and {ADMIN_SCOPE, WRITE_SCOPE} & set(scopes):
        raise ValidationError("Must be admin alone, write alone, or one or more bakeries.")


class APIKeyRead(ReadSchema):
    is_active = IsActive(required=True, allow_none=True)
    is_admin = Flag(required=True, allow_none=True, description="Whether the key has the scope `admin`.")
    created_at = NullableTime(in_original=True, description="When the key was created.")
    id = Id(required=True)
    label = Label(required=True)
    scopes = Scopes(required=True)
    created_by = Text(
        1,
        100,
        required=True,
        allow_none=True,
        description="Who created the key: the label of a key, `admin`, or `system` for a command.",
        example="admin",
    )
    expires_at = ExpiresAt(required=True)
    last_used_at = NullableTime(description="When the key was last used, to the minute; null if it was never used.")
    replaced_by = Id(required=True, allow_none=True, description="The id of the key that replaced it.", example=2)


class APIKeyCreated(APIKeyRead):
    """With the key itself, at the same position in the object as in the original."""

    key = Text(
        40,
        40,
        required=True,
        description="The key itself. The service does not store it and cannot show it again.",
        example="pfk_0123456789ABCDEFGHIJKLMNOPQRST1AbCdE",
    )

    class Meta(ReadSchema.Meta):
        fields = ("is_active", "is_admin", "created_at", "key", *list(APIKeyRead().fields)[3:])


class APIKeyMe(ReadSchema):
    """The caller's own key. The admin key of the configuration has no id and no times."""

    id = Id(required=True, allow_none=True)
    label = Label(required=True)
    scopes = Scopes(required=True)
    expires_at = ExpiresAt(required=True)


class APIKeyCreate(WriteSchema):
    label = NewLabel(load_default=None)
    is_admin = Flag(
        description="Whether the key gets the scope `admin`. The original API has this field instead of `scopes`."
    )
    scopes = Scopes()
    expires_at = ExpiresAt(load_default=None)

    @post_load
    def merge_is_admin(self, values: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Replace `is_admin` by scopes. Raises a validation error if the two contradict each other."""
        is_admin = values.pop("is_admin", None)
        scopes = values.setdefault("scopes", [ADMIN_SCOPE if is_admin else WRITE_SCOPE])
        if is_admin is not None and is_admin != (ADMIN_SCOPE in scopes):
            raise ValidationError("Must not contradict is_admin.", "scopes")
        if values["expires_at"] and values["expires_at"] <= now():
            raise ValidationError("Must be in the future.", "expires_at")
        return values


class APIKeyUpdate(WriteSchema):
    label = NewLabel()
    scopes = Scopes()
    expires_at = ExpiresAt()
    is_active = IsActive()


class APIKeyRotate(WriteSchema):
    grace_hours = Number(
        0,
        GRACE_MAX,
        load_default=GRACE_DEFAULT,
        description="How many hours the old key remains valid. With 0 it expires at once.",
        example=GRACE_DEFAULT,
    )


APIKeyQuery = page_query("APIKeyQuery", APIKeyRead, **time_range("keys that were created"))
