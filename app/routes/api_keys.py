"""API keys, for administrators."""

from typing import Any

from app.auth import Caller, new_key
from app.extensions import db
from app.routes.blueprint import Blueprint
from app.schemas.api_keys import APIKeyCreate, APIKeyCreated

blp = Blueprint("api-keys", __name__, url_prefix="/api-keys", description="Keys for those who write.")


@blp.route("", methods=["POST"], caller=Caller.ADMIN)
@blp.arguments(APIKeyCreate)
@blp.response(201, APIKeyCreated, description="The key; note it down, it is not shown again.")
def create_api_key(values: dict[str, Any]) -> Any:
    """Create an API key

    Takes an administrator's key. The new key is part of the answer and of no other: only its digest is stored.
    """
    record, key = new_key(**values)
    db.session.add(record)
    db.session.flush()
    return {"is_active": True, "is_admin": record.is_admin, "created_at": record.created_at, "key": key}
