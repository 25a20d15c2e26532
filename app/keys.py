"""The form of API keys, and their digests."""

import hashlib
import re
import secrets
import string
import zlib

# Keys look like those of GitHub (https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/): a
# prefix, 30 random characters, which are 178 bits, and 6 that are their checksum.
KEY_PREFIX = "pfk_"
KEY_RANDOM, KEY_CHECKSUM = 30, 6  # characters
KEY = re.compile(rf"{KEY_PREFIX}[0-9A-Za-z]{{{KEY_RANDOM + KEY_CHECKSUM}}}")
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def key_digest(salt: str, key: str) -> str:
    """How a key is stored: `sha256(salt + key)` in hex, as in the original, so that its keys go on working."""
    return hashlib.sha256((salt + key).encode()).hexdigest()


def new_key() -> str:
    """A key that nobody has yet."""
    secret = "".join(secrets.choice(BASE62) for _ in range(KEY_RANDOM))
    return KEY_PREFIX + secret + _checksum(secret)


def mistyped(key: str) -> bool:
    """Whether `key` begins like one of ours and is none; those of the original begin otherwise."""
    characters = key.removeprefix(KEY_PREFIX)[:KEY_RANDOM]
    return key.startswith(KEY_PREFIX) and key != KEY_PREFIX + characters + _checksum(characters)


def without_keys(text: str) -> str:
    """`text`, such as a path that somebody put a key into, with keys masked."""
    return KEY.sub(f"{KEY_PREFIX}***", text)


def _checksum(secret: str) -> str:
    """CRC-32 in base 62."""
    number = zlib.crc32(secret.encode())
    return "".join(BASE62[number // 62**place % 62] for place in reversed(range(KEY_CHECKSUM)))


def fresh_secrets(salt: str = "") -> dict[str, str]:
    """A random admin key, and salt if there is none, with the digest the service wants; the key is for its holder."""
    salt, key = salt or secrets.token_hex(16), new_key()
    return {"ENCRYPTION_SALT": salt, "ADMIN_API_KEY": key, "ADMIN_API_KEY_SHA256": key_digest(salt, key)}
