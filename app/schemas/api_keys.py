"""API keys on the wire."""

import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from app.database.columns import now
from app.models.api_keys import ADMIN, ADMIN_SCOPE, BAKERY_SCOPE, UNLABELLED, WRITE_SCOPE
from app.models.recipe_runs import SYSTEM
from app.schemas.base import Id, ReadSchema, WriteSchema, page_query
from app.schemas.fields import Flag, Number, Text, Timestamp

RESERVED = (ADMIN, SYSTEM, UNLABELLED)
SCOPES_MAX = 100
GRACE_DEFAULT, GRACE_MAX = 24, 30 * 24  # hours


def _unmistakable(label: str) -> None:
    """Nobody may read it in a history and take it for a name that the service gives."""
    if not label.isprintable():
        raise ValidationError("Must have printable characters only.")
    if unicodedata.normalize("NFKC", label).strip().casefold() in RESERVED:
        raise ValidationError(f"{label} is reserved.")


Label = partial(
    Text,
    1,
    100,
    allow_none=True,
    description="Who uses the key, as the history of runs names them.",
    example="dataflow",
)
NewLabel = partial(Label, rules=(_unmistakable,))
IsActive = partial(Flag, description="Whether the key is active; one that is not is revoked.", example=True)
ExpiresAt = partial(
    Timestamp, allow_none=True, description="Until when the key works; null: for good.", example="2027-03-03T00:00:00Z"
)
NullableTime = partial(Timestamp, required=True, allow_none=True)


class Scopes(fields.List[Any]):
    """What an API key may do."""

    def __init__(self, **options: Any) -> None:
        pattern = f"({ADMIN_SCOPE}|{WRITE_SCOPE}|{BAKERY_SCOPE.format('[1-9][0-9]{0,9}')})\\Z"
        known = validate.Regexp(pattern, error="Must be admin, write, or bakery:1, with the id of a bakery.")
        metadata = {
            "description": "What the key may do: `admin` everything, `write` everything but look after keys, "
            "`bakery:1` write the runs of that bakery and nothing else; there may be several of the last.",
            "examples": [[WRITE_SCOPE]],
        }
        rules: list[Callable[[Any], Any]] = [validate.Length(1, SCOPES_MAX), _agree]
        super().__init__(fields.String(validate=known), validate=rules, metadata=metadata, **options)


def _agree(scopes: list[str]) -> None:
    if len(scopes) > 1 and {ADMIN_SCOPE, WRITE_SCOPE} & set(scopes):
        raise ValidationError("Give admin or write alone, or bakeries.")


class APIKeyRead(ReadSchema):
    is_active = IsActive(required=True, allow_none=True)
    is_admin = Flag(required=True, allow_none=True, description="Whether the key is an administrator's.")
    created_at = NullableTime(description="When the key was made.")
    id = Id(required=True)
    label = Label(required=True)
    scopes = Scopes(required=True)
    created_by = Text(
        1,
        100,
        required=True,
        allow_none=True,
        description="Who made the key: the label of another, `admin`, or `system` for a command.",
        example="admin",
    )
    expires_at = ExpiresAt(required=True)
    last_used_at = NullableTime(description="When the key was last accepted, to the minute; null if it never was.")
    replaced_by = Id(required=True, allow_none=True, description="The key that has taken its place.", example=2)


class APIKeyCreated(APIKeyRead):
    """With the key, in the place that the original has it in."""

    key = Text(
        40,
        40,
        required=True,
        description="The key itself, shown this once and stored nowhere.",
        example="pfk_0123456789ABCDEFGHIJKLMNOPQRST1AbCdE",
    )

    class Meta(ReadSchema.Meta):
        fields = ("is_active", "is_admin", "created_at", "key", *list(APIKeyRead().fields)[3:])


class APIKeyMe(ReadSchema):
    """The key of the configuration has no number and no times."""

    id = Id(required=True, allow_none=True)
    label = Label(required=True)
    scopes = Scopes(required=True)
    expires_at = ExpiresAt(required=True)


class APIKeyCreate(WriteSchema):
    label = NewLabel(load_default=None)
    is_admin = Flag(description="Whether it is an administrator's key: the scope `admin`, as the original writes it.")
    scopes = Scopes()
    expires_at = ExpiresAt(load_default=None)

    @post_load
    def settle(self, values: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Say with scopes alone what the key may do."""
        is_admin = values.pop("is_admin", None)
        scopes = values.setdefault("scopes", [ADMIN_SCOPE if is_admin else WRITE_SCOPE])
        if is_admin is not None and is_admin != (ADMIN_SCOPE in scopes):
            raise ValidationError("Must not contradict is_admin.", "scopes")
        if values["expires_at"] and values["expires_at"] <= now():
            raise ValidationError("Must lie in the future.", "expires_at")
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
        description="For how many hours the old key goes on working; 0: not at all.",
        example=GRACE_DEFAULT,
    )


APIKeyQuery = page_query("APIKeyQuery", APIKeyRead)
