"""Signs requests as bakeries and GitHub do, without the library that the service uses."""

import base64
import hashlib
import hmac
import json
from itertools import count
from time import time

_ids = count(1)


def standard_webhook(secret, body, *, message_id=None, at=None, others=()):
    """The headers of Standard Webhooks for `body`. `others` are signatures that stand before the right one."""
    message_id, at = message_id or f"msg_{next(_ids)}", str(int(time()) if at is None else at)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
    signatures = [*others, f"v1,{base64.b64encode(digest).decode()}"]
    return {"webhook-id": message_id, "webhook-timestamp": at, "webhook-signature": " ".join(signatures)}


def github_webhook(secret, body, event):
    """The headers of a webhook of GitHub for `body`."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-GitHub-Event": event, "X-Hub-Signature-256": f"sha256={digest}"}


def post_signed(client, path, secret, report, **options):
    """Send `report` as JSON that is signed with `secret`."""
    body = json.dumps(report).encode()
    headers = standard_webhook(secret, body, **options)
    return client.post(path, data=body, headers=headers, content_type="application/json")
