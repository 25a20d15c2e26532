"""Masks secrets in the logs of runs, before they are stored.

Three kinds are found: the secrets of this service, which it knows; API keys of this service, by their digests; and
texts that have the form of a token, a private key or a password. A secret without such a form cannot be found.
"""

import hmac
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from flask import current_app
from sqlalchemy import select
from sqlalchemy.engine import make_url

from app.database.fairness import let_others_run
from app.extensions import db
from app.keys import key_digest
from app.models import APIKey

MASK = "***"
KNOWN_MIN = 6  # characters; a shorter secret would mask ordinary words
PIECE = 64 * 1024  # characters that are searched at a time, so that other requests can run
DIGESTS = 500  # in a query
# Settings that are secret, and those that are URLs with a password. Some are there in a part of the deployments only.
SECRETS = ("ENCRYPTION_SALT", "GITHUB_WEBHOOK_SECRET", "SENTRY_DSN")
URLS = ("SQLALCHEMY_DATABASE_URI", "MIGRATION_DATABASE_URI", "RATELIMIT_STORAGE_URI")


class Form(NamedTuple):
    """The form of a secret. The pattern is searched only in texts that contain one of `hints` in any case.

    What the group `keep` of the pattern has matched stays.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]


def _form(hints: str, pattern: str) -> Form:
    return Form(tuple(hints.split()), re.compile(pattern))


_NAME = r"(?:pass(?:word|wd|phrase)|secret|token|api_?key|access_?key(?:_id)?|private_?key|credentials?|signature)"
_PRIVATE_KEY = r"-----{} [A-Z ]{{0,30}}PRIVATE KEY-----"
FORMS = (
    _form("private", _PRIVATE_KEY.format("BEGIN") + r"[\w+/=\\\s:,]*(?:" + _PRIVATE_KEY.format("END") + ")?"),
    _form("pfk_", r"pfk_[0-9A-Za-z]{36}"),
    _form("whsec_", r"whsec_[\w+/=-]{16,}"),
    _form("ghp_ gho_ ghu_ ghs_ ghr_", r"\bgh[pousr]_[A-Za-z0-9]{30,}"),
    _form("github_pat_", r"\bgithub_pat_\w{22,}"),
    _form("glpat-", r"\bglpat-[\w-]{20,}"),
    _form("akia asia", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    _form("ya29.", r"\bya29\.[\w.-]{20,}"),
    _form("aiza", r"\bAIza[\w-]{35}"),
    _form("xox", r"\bxox[abeoprs]-[\w-]{10,}"),
    _form("hooks.slack.com", r"(?P<keep>hooks\.slack\.com/services/)[\w/]{20,}"),
    _form("eyj", r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"),
    _form("pypi-", r"\bpypi-[\w-]{50,}"),
    _form("hf_", r"\bhf_[A-Za-z0-9]{30,}"),
    _form("npm_", r"\bnpm_[A-Za-z0-9]{36}"),
    _form("dckr_pat_", r"\bdckr_pat_[\w-]{20,}"),
    _form("pnu_ pnb_", r"\bpn[ub]_[A-Za-z0-9]{30,}"),
    _form("sk- sk_ rk_", r"\b(?:sk-[\w-]{20,}|[sr]k_(?:live|test)_\w{20,})"),
    _form("://", r"(?P<keep>://)[^\s/@:'\"]{0,200}:[^\s/@'\"]{1,500}(?=@)"),
    _form("bearer basic", r"(?i)(?P<keep>\b(?:bearer|basic)[ \t]{1,5})(?=\S*\d)[\w.~+/=-]{16,}"),
    _form("sig=", r"(?P<keep>[?&]sig=)[^\s&'\"]{8,}"),
    # A name and its value, as in shells, YAML, JSON, Python and query strings.
    _form(
        "pass secret token key credential signature",
        rf"(?i)(?P<keep>{_NAME}(?:s|\d|[_.-][\w.-]{{0,40}})?\\?['\"]?[ \t]{{0,5}}[:=][ \t]{{0,5}}\\?['\"]?)"
        r"(?!\d+\b|none\b|null\b|true\b|false\b|\*\*\*)[^\s'\"\\,;&<>(){}\[\]]{6,}",
    ),
)
# The original's keys have 32 hex digits, like many other things, so these are compared with the keys that there are.
MAY_BE_KEY = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{32}(?![0-9A-Za-z])")


def scrub(texts: list[str], *known: str) -> list[str]:
    """Return `texts` with their secrets masked. `known` are secrets besides those of the settings.

    A secret may begin in one text and end in a later one. Each text keeps its number of lines.
    """
    values = sorted({*known, *_of_settings()}, key=len, reverse=True)
    forms = {form for value in values if len(value) >= KNOWN_MIN for form in (value, quote(value, safe=""))}
    scrubbed: list[str] = []
    for number, piece in enumerate(_pieces(texts)):
        if number:
            let_others_run()
        lines = _scrubbed("\n".join(piece), sorted(forms, key=len, reverse=True)).split("\n")
        scrubbed += _regrouped(lines, piece)
    return scrubbed


def _scrubbed(text: str, known: Iterable[str]) -> str:
    for value in known:
        text = text.replace(value, MASK)
    lower = text.lower()
    for form in FORMS:
        if any(hint in lower for hint in form.hints):
            text = form.pattern.sub(_masked, text)
    keys = _keys(set(MAY_BE_KEY.findall(text)))
    return MAY_BE_KEY.sub(lambda found: MASK if found[0] in keys else found[0], text) if keys else text


def _masked(found: re.Match[str]) -> str:
    kept = found.groupdict().get("keep") or ""
    return kept + MASK + "\n" * found[0].count("\n", len(kept))


def _pieces(texts: list[str]) -> Iterator[list[str]]:
    """Yield `texts` in lists of about PIECE characters. No list ends inside of a private key."""
    piece: list[str] = []
    size, in_key = 0, False
    for text in texts:
        piece.append(text)
        size += len(text)
        if "PRIVATE KEY-----" in text:
            in_key = text.rfind("-----BEGIN") > text.rfind("-----END")
        if size > PIECE and not in_key:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _regrouped(lines: list[str], texts: list[str]) -> Iterator[str]:
    """Yield as many texts as `texts`, each with as many of `lines` as it had."""
    start = 0
    for text in texts:
        end = start + text.count("\n") + 1
        yield "\n".join(lines[start:end])
        start = end


def _keys(candidates: set[str]) -> set[str]:
    """Return those of `candidates` that are API keys of this service, also if they are revoked."""
    if not candidates:
        return set()
    salt, admin = current_app.config["ENCRYPTION_SALT"], current_app.config["ADMIN_API_KEY_SHA256"]
    by_digest = {key_digest(salt, candidate): candidate for candidate in candidates}
    found = {digest for digest in by_digest if hmac.compare_digest(digest, admin)}
    digests = list(by_digest)
    for start in range(0, len(digests), DIGESTS):
        some = APIKey.encrypted_key.in_(digests[start : start + DIGESTS])
        found.update(db.session.scalars(select(APIKey.encrypted_key).where(some)))
    return {by_digest[digest] for digest in found}


def _of_settings() -> Iterator[str]:
    """Yield the secrets of the settings."""
    config: Callable[[str], Any] = current_app.config.get
    yield from (config(name) or "" for name in SECRETS)
    for url in filter(None, map(config, URLS)):
        yield str(make_url(url).password or "")
