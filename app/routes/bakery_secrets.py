"""The secrets with which bakeries sign their reports."""

from datetime import timedelta
from typing import Any

from flask import current_app

from app.schemas.bakery_secrets import BakerySecretCreate, BakerySecretCreated
from app.schemas.common import Ok
from app.services import bakery_secrets
from app.web.auditing import Written
from app.web.auth import Caller, actor
from app.web.blueprint import Blueprint

blp = Blueprint(
    "bakery_secrets", __name__, url_prefix="/bakeries", description="The secrets with which bakeries sign reports."
)


@blp.route("/<id:id>/webhook-secret", methods=["POST"], caller=Caller.ADMIN)
@blp.arguments(BakerySecretCreate)
@blp.response(201, BakerySecretCreated, description="The secret. Store it now: the service cannot show it again.")
def create_webhook_secret(values: dict[str, Any], id: int) -> Written:
    """Create or rotate the webhook secret of a bakery

    With it, the runners of the bakery sign their reports as Standard Webhooks says, in place of an API key. The former
    secret expires after `overlap_minutes`, which gives them the time to switch.
    """
    overlap = timedelta(minutes=values["overlap_minutes"])
    record, secret = bakery_secrets.create(id, overlap, actor(), current_app.config["ENCRYPTION_SALT"])
    shown = {name: getattr(record, name) for name in ("id", "bakery_id", "created_at", "created_by")}
    return Written(shown | {"secret": secret}, [id], details={"secret_id": record.id}, resource="bakeries")


@blp.route("/<id:id>/webhook-secret", methods=["DELETE"], caller=Caller.ADMIN)
@blp.response(200, Ok, description="The secrets are revoked.")
def revoke_webhook_secret(id: int) -> Written:
    """Revoke the webhook secrets of a bakery

    Its signatures are not accepted any more, also those with a former secret that has not expired.
    """
    bakery_secrets.revoke(id)
    return Written({"ok": True}, [id], resource="bakeries")
