"""Signatures of requests: of bakeries, as Standard Webhooks says, and of the GitHub App.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
"""

import hashlib
import hmac
from collections.abc import Iterable

from flask import request
from standardwebhooks import Webhook, WebhookVerificationError

MESSAGE_ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
GITHUB_SIGNATURE, GITHUB_EVENT, GITHUB_DELIVERY = "X-Hub-Signature-256", "X-GitHub-Event", "X-GitHub-Delivery"


def is_of_bakery(secrets: Iterable[str], body: bytes) -> bool:
    """Whether the request is signed with one of `secrets`, at most five minutes ago."""
    headers = {name: request.headers.get(name, "") for name in (MESSAGE_ID, TIMESTAMP, SIGNATURE)}
    return any(_verifies(Webhook(secret), headers, body) for secret in secrets)


def is_of_github(secret: str, body: bytes) -> bool:
    """Whether the request is signed with `secret`, as GitHub signs its webhooks."""
    expected = f"sha256={hmac.digest(secret.encode(), body, hashlib.sha256).hex()}"
    return hmac.compare_digest(request.headers.get(GITHUB_SIGNATURE, "").encode(), expected.encode())


def _verifies(webhook: Webhook, headers: dict[str, str], body: bytes) -> bool:
    """Whether `headers` sign `body`. The library raises a ValueError for a signature without a comma or base 64."""
    try:
        webhook.verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):
        return False
    return True
