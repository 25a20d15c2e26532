"""URLs on the wire that everyone can read or follow."""

from functools import partial

from marshmallow import ValidationError

from app.database.urls import is_web_address, secret_in
from app.models.feedstock_metadata import URL_MAX
from app.schemas.fields import Text


def without_credentials(url: str) -> None:
    """Raise ValidationError if `url` has a user, a password or a signature: everyone can read it here."""
    if found := secret_in(url):
        raise ValidationError(f"Must not contain {found}, because everyone can read it.")


def must_be_web_address(url: str) -> None:
    """Raise ValidationError if `url` is not one that a browser opens."""
    if not is_web_address(url):
        raise ValidationError("Must be a URL that begins with https:// or http://.")


WebUrl = partial(Text, 1, URL_MAX, rules=(must_be_web_address, without_credentials))
