"""Signatures of reports, as in Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks."""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import b64decode, b64encode
from binascii import Error
from uuid import uuid4

from pangeo_forge_client.errors import PangeoForgeError

PREFIX = "whsec_"


def headers(secret: str, content: bytes, id: str | None = None) -> dict[str, str]:
    """The headers that sign `content`. The service carries out one request with each `id`."""
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except Error:
        raise PangeoForgeError(f"The webhook secret is not {PREFIX} followed by Base64.") from None
    id, timestamp = id or f"msg_{uuid4().hex}", str(int(time.time()))
    digest = hmac.digest(key, f"{id}.{timestamp}.".encode() + content, hashlib.sha256)
    return {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{b64encode(digest).decode()}"}
