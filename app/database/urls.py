"""URLs that everyone can read or follow."""

import re
from urllib.parse import parse_qsl, urlsplit

# Without blanks and control characters, which browsers drop from a URL before they read its scheme.
WEB = re.compile(r"https?://[^\x00-\x20\x7f/?#]+([/?#][^\x00-\x20\x7f]*)?", re.IGNORECASE)
REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\x00-\x20\x7f/?#]+([/?#][^\x00-\x1f\x7f]*)?")
HOST = re.compile(r"[^/]*//[^/?#]*")
# Parameters of a query that give access to what is not public, in lower case.
SECRETS = {"access_token", "awsaccesskeyid", "sig", "signature", "token", "x-amz-signature", "x-goog-signature"}


def secret_in(url: str) -> str | None:
    """What `url` contains that must stay secret, as words for a sentence; None if it is safe to publish."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None  # it is no URL, so it is shown as text
    if "@" in parts.netloc:
        return "a user or a password"
    found = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if name.lower() in SECRETS]
    return f"credentials ({found[0]})" if found else None


def is_web_address(url: str) -> bool:
    """Whether `url` is an address of the web, so that a browser that follows it runs no script of `url` itself."""
    try:
        urlsplit(url)
    except ValueError:  # for example of a host with one bracket
        return False
    return bool(WEB.fullmatch(url))


def is_remote(url: str) -> bool:
    """Whether `url` has a scheme and a host, or a bucket, so that it can lead to the same data everywhere."""
    try:
        _ = urlsplit(url).port
    except ValueError:  # for example a port that is too large
        return False
    return bool(REMOTE.fullmatch(url)) and not url.lower().startswith("file:")


def with_encoded_blanks(url: str) -> str:
    """`url` with each blank behind its host as %20, as browsers send it. With a blank in its host it is no address."""
    host = HOST.match(url)
    end = host.end() if host else 0
    return url[:end] + url[end:].replace(" ", "%20")
