"""Create, rotate, revoke and read the secrets with which bakeries sign their reports.

A signature is an HMAC, so the service has to know the secret itself. It stores it encrypted with a key that is derived
from ENCRYPTION_SALT: a copy of the database alone does not contain it.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import timedelta

from nacl.encoding import Base64Encoder
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from sqlalchemy import bindparam, delete, or_, select
from werkzeug.exceptions import NotFound

from app.database.columns import now
from app.database.statements import fetch
from app.extensions import db
from app.keys import WEBHOOK_PREFIX
from app.models import Bakery, BakerySecret
from app.services import records

SECRET_BYTES = 32  # Standard Webhooks: 24 to 64

_VALID = (
    select(BakerySecret.sealed)
    .where(
        BakerySecret.bakery_id == bindparam("bakery_id"),
        or_(BakerySecret.expires_at.is_(None), BakerySecret.expires_at > bindparam("time")),
    )
    .order_by(BakerySecret.id.desc())
)


def create(bakery_id: int, overlap: timedelta, actor: str, salt: str) -> tuple[BakerySecret, str]:
    """Return the record of a new secret of the bakery, and the secret. Former secrets expire after `overlap`.

    Raises 404 if there is no such bakery.
    """
    records.get(Bakery, bakery_id, to_write=True)
    time = now()
    end = time + overlap
    for former in db.session.scalars(select(BakerySecret).where(BakerySecret.bakery_id == bakery_id)):
        former.expires_at = min(former.expires_at or end, end)
        if former.expires_at <= time:
            db.session.delete(former)
    secret = WEBHOOK_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    record = BakerySecret(bakery_id=bakery_id, sealed=_seal(secret, salt), created_at=time, created_by=actor)
    db.session.add(record)
    db.session.flush()
    return record, secret


def revoke(bakery_id: int) -> None:
    """Delete all secrets of the bakery. Raises 404 if it has none."""
    records.get(Bakery, bakery_id, to_write=True)
    gone = delete(BakerySecret).where(BakerySecret.bakery_id == bakery_id).returning(BakerySecret.id)
    if not db.session.scalars(gone).all():
        raise NotFound(f"{BakerySecret.noun} of bakery {bakery_id} not found")


def valid(bakery_id: int, salt: str) -> list[str]:
    """Return the valid secrets of the bakery, the newest first. It leaves no transaction open."""
    box, found = _box(salt), []
    for (sealed,) in fetch(_VALID, {"bakery_id": bakery_id, "time": now()}):
        try:
            found.append(box.decrypt(sealed.encode(), encoder=Base64Encoder).decode())
        except CryptoError:  # it was created with another ENCRYPTION_SALT, whose change makes all keys invalid
            continue
    return found


def _seal(secret: str, salt: str) -> str:
    sealed: bytes = _box(salt).encrypt(secret.encode(), encoder=Base64Encoder)
    return sealed.decode()


def _box(salt: str) -> SecretBox:
    return SecretBox(hmac.digest(salt.encode(), b"secrets of bakeries", hashlib.sha256))
