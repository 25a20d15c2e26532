"""API keys: their administration, and the key of the caller."""

from datetime import timedelta
from typing import Any

from flask import Response, current_app, g

from app.database import pages
from app.database.pages import Page
from app.extensions import db
from app.models import APIKey
from app.schemas.api_keys import (
    APIKeyCreate,
    APIKeyCreated,
    APIKeyMe,
    APIKeyQuery,
    APIKeyRead,
    APIKeyRotate,
    APIKeyUpdate,
)
from app.schemas.common import Ok
from app.services import api_keys, records
from app.web import documents
from app.web.auditing import Written
from app.web.auth import Caller, actor, key_id, refuse_key
from app.web.blueprint import LOCATION, Blueprint
from app.web.links import with_prefix
from app.web.preconditions import require_match

blp = Blueprint("api-keys", __name__, url_prefix="/api-keys", description="Keys for clients that write.")


@blp.route("", methods=["GET"], caller=Caller.ADMIN)
@blp.paged(APIKeyQuery, APIKeyRead, description="A page of API keys.")
def list_api_keys(query: dict[str, Any]) -> Page:
    """List API keys

    The answer contains neither the keys nor their digests. The admin key of the configuration is not in the list.
    """
    return pages.read_page(APIKey, **query)


@blp.route("", methods=["POST"], caller=Caller.ADMIN)
@blp.arguments(APIKeyCreate, example={"label": "dataflow", "scopes": ["bakery:1"]})
@blp.response(
    201, APIKeyCreated, description="The key. Store it now: the service cannot show it again.", headers=LOCATION
)
def create_api_key(values: dict[str, Any]) -> Written:
    """Create an API key

    Requires an administrator's key. Only this answer contains the new key, because the service stores its digest
    only. Without `scopes` the key may write everything except API keys.
    """
    record, key = api_keys.create(values, actor(), _salt())
    details = {"label": record.label, "scopes": record.scopes}
    return Written(_shown(record, key), [record.id], 201, _location(record), details)


@blp.route("/me", methods=["GET"], caller=Caller.HOLDER)
@blp.response(200, APIKeyMe, description="The key of the request.")
def get_my_api_key() -> Any:
    """Get the key in use

    The label and the scopes of the key in the request.
    """
    if key_id() is None:
        return {"id": None, "label": actor(), "scopes": g.scopes, "expires_at": None}
    return db.session.get(APIKey, key_id()) or refuse_key()


@blp.route("/<id:id>", methods=["GET"], caller=Caller.ADMIN)
@blp.response(200, APIKeyRead, description="The API key.")
def get_api_key(id: int) -> Response:
    """Get an API key

    The same fields as in the list.
    """
    return documents.answer(APIKey, APIKeyRead, id)


@blp.route("/<id:id>", methods=["PATCH"], caller=Caller.ADMIN)
@blp.arguments(APIKeyUpdate, example={"is_active": False})
@blp.response(200, APIKeyRead, description="The updated API key.")
@blp.alt_response(409, "CONFLICT")
def update_api_key(values: dict[str, Any], id: int) -> Written:
    """Update an API key

    Sets the fields of the request (RFC 7396). The change is effective at once; `is_active` false revokes the key. A key
    can only change its own label, so that administrators cannot lock themselves out.
    """
    record = records.get(APIKey, id, to_write=True)
    require_match(record, APIKeyRead)
    changed = api_keys.update(record, values, actor(), key_id())
    details = {"label": record.label, "scopes": record.scopes, "is_active": record.is_active}
    return Written(record, [id], details=details, changed=changed)


@blp.route("/<id:id>", methods=["DELETE"], caller=Caller.ADMIN)
@blp.response(200, Ok, description="The API key is deleted.")
@blp.alt_response(409, "CONFLICT")
def delete_api_key(id: int) -> Written:
    """Delete an API key

    A deletion cannot be undone. A key cannot delete itself, nor a key that replaced another key which is still valid:
    the answer is 409. The histories keep the label and the id of the key.
    """
    record = records.get(APIKey, id, to_write=True)
    require_match(record, APIKeyRead)
    api_keys.delete(record, key_id())
    return Written({"ok": True}, [id], details={"label": record.label})


@blp.route("/<id:id>/rotate", methods=["POST"], caller=Caller.ADMIN)
@blp.arguments(APIKeyRotate)
@blp.response(
    201, APIKeyCreated, description="The new key. Store it now: the service cannot show it again.", headers=LOCATION
)
@blp.alt_response(409, "CONFLICT")
def rotate_api_key(values: dict[str, Any], id: int) -> Written:
    """Rotate an API key

    Creates a key with the same label, scopes and expiry. The old key expires after `grace_hours`, which gives its
    holder the time to switch.
    """
    old = records.get(APIKey, id, to_write=True)
    new, key = api_keys.rotate(old, timedelta(hours=values["grace_hours"]), actor(), _salt())
    return Written(_shown(new, key), [id], 201, _location(new), {"label": new.label, "successor": new.id})


def _shown(record: APIKey, key: str) -> dict[str, Any]:
    return {name: getattr(record, name) for name in APIKeyRead().fields} | {"key": key}


def _location(record: APIKey) -> dict[str, str]:
    return {"Location": with_prefix(f"{blp.url_prefix}/{record.id}")}


def _salt() -> str:
    return str(current_app.config["ENCRYPTION_SALT"])
