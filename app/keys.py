"""The format of API keys and of other secrets, and the digests of keys."""

import hashlib
import re
import secrets
import string
import zlib

# Keys have the format of GitHub's tokens: a prefix, 30 random characters (178 bits) and 6 characters of checksum.
# https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
KEY_PREFIX = "pfk_"
KEY_RANDOM, KEY_CHECKSUM = 30, 6  # characters
WEBHOOK_PREFIX = "whsec_"  # of a secret of Standard Webhooks; ours are 32 bytes in base 64
# Keys of the original have 32 hex digits. A longer number could contain one.
_FORMS = (
    rf"{KEY_PREFIX}[0-9A-Za-z]{{{KEY_RANDOM + KEY_CHECKSUM}}}",
    rf"{WEBHOOK_PREFIX}[0-9A-Za-z+/_-]{{43}}=?",
    "[0-9A-Fa-f]{32,}",
)
KEY = re.compile("|".join(_FORMS))
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def key_digest(salt: str, key: str) -> str:
    """Return `sha256(salt + key)` in hex. The original stores keys like this too, so its keys remain valid."""
    return hashlib.sha256((salt + key).encode()).hexdigest()


def new_key() -> str:
    """Return a new random key."""
    secret = "".join(secrets.choice(BASE62) for _ in range(KEY_RANDOM))
    return KEY_PREFIX + secret + _checksum(secret)


def has_wrong_checksum(key: str) -> bool:
    """Whether `key` has our prefix but not a valid checksum. Keys of the original have another prefix."""
    characters = key.removeprefix(KEY_PREFIX)[:KEY_RANDOM]
    return key.startswith(KEY_PREFIX) and key != KEY_PREFIX + characters + _checksum(characters)


def mask_keys(text: str) -> str:
    """Return `text` with all that may be a key masked. A client may have put its key into a path, for example."""
    return KEY.sub(lambda found: f"{KEY_PREFIX}***" if found[0].startswith(KEY_PREFIX) else "***", text)


def _checksum(secret: str) -> str:
    """Return the CRC-32 of `secret` in base 62."""
    number = zlib.crc32(secret.encode())
    return "".join(BASE62[number // 62**place % 62] for place in reversed(range(KEY_CHECKSUM)))


def new_secrets(salt: str = "") -> dict[str, str]:
    """Return settings for a new random admin key: the salt (a new one if it is empty), the key and its digest."""
    salt, key = salt or secrets.token_hex(16), new_key()
    return {"ENCRYPTION_SALT": salt, "ADMIN_API_KEY": key, "ADMIN_API_KEY_SHA256": key_digest(salt, key)}
