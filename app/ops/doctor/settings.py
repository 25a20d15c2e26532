"""Checks of the settings, and of the storage of rate limits that they name."""

import hmac

from flask import current_app

from app.keys import key_digest
from app.ops.doctor.diagnosis import DiagnosisError

SALT_LENGTH = SECRET_LENGTH = 16  # characters


def configuration() -> str:
    """Find settings that are valid, or the service would not have started, but that are insecure or incomplete."""
    config = current_app.config
    salt = config["ENCRYPTION_SALT"]
    for name in ("ADMIN_API_KEY_SHA256", "METRICS_KEY_SHA256"):
        if hmac.compare_digest(config[name], key_digest(salt, "")):
            raise DiagnosisError(
                f"{name} is the digest of an empty key. Create another key: `python -m app.cli.credentials`."
            )
    if hmac.compare_digest(config["ADMIN_API_KEY_SHA256"], config["METRICS_KEY_SHA256"]):
        raise DiagnosisError("METRICS_KEY_SHA256 is the administrator's key. Give the scraper a separate key.")
    if config["DEPLOYMENT"] and len(salt) < SALT_LENGTH:
        raise DiagnosisError(
            f"ENCRYPTION_SALT is shorter than {SALT_LENGTH} characters. Choose a longer one; it invalidates every key."
        )
    if config["DEPLOYMENT"] and 0 < len(config["GITHUB_WEBHOOK_SECRET"]) < SECRET_LENGTH:
        raise DiagnosisError(
            f"GITHUB_WEBHOOK_SECRET is shorter than {SECRET_LENGTH} characters. Choose a longer one, also on GitHub."
        )
    if config["DEPLOYMENT"] and not config["PROXY_COUNT"]:
        raise DiagnosisError("PROXY_COUNT is 0, so no request counts as https. Set it to the number of proxies.")
    return "The settings are complete."


def limits() -> str:
    """Check that the storage of rate limits answers. Without it, no client is limited."""
    if not current_app.extensions["limits"].storage.check():
        raise DiagnosisError(
            "The storage of rate limits does not answer, so no client is limited. Check RATELIMIT_STORAGE_URI."
        )
    return "The storage of rate limits answers."
