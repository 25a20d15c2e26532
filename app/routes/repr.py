"""What datasets look like, for pages that show them."""

import re
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import Forbidden

from app.extensions import db
from app.repr.opener import FRESH, opener
from app.schemas.repr import XarrayQuery, XarrayRead
from app.services import datasets
from app.web.auth import Caller
from app.web.blueprint import Blueprint
from app.web.json import respond

# A url as it is; the clients of the original do not encode it.
PLAIN_URL = re.compile(rb"url=([A-Za-z0-9+.-]+://.*)", re.DOTALL)

blp = Blueprint("repr", __name__, url_prefix="/repr", description="What datasets look like.")


@blp.before_request
def encode_url() -> None:
    """Take everything after `url=` for the url if it is not encoded, its own `&`, `%` and `+` as they are."""
    if found := PLAIN_URL.fullmatch(request.query_string):
        request.query_string = b"url=" + quote(found[1], safe="").encode()


@blp.route("/xarray/", methods=["GET"], caller=Caller.PUBLIC)
@blp.arguments(XarrayQuery, location="query")
@blp.response(200, XarrayRead, description="What xarray shows.")
@blp.alt_response(403, "FORBIDDEN")
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(501, "NOT_IMPLEMENTED")
@blp.alt_response(502, "BAD_GATEWAY")
@blp.alt_response(504, "GATEWAY_TIMEOUT")
def get_xarray_repr(query: dict[str, str]) -> Response:
    """Show a dataset as xarray does

    As HTML for a page. The Zarr store at `url` has to be a dataset that a run has published, or on a host that the
    operators of this service allow. It is opened anew after ten minutes.
    """
    url = query["url"]
    if not opener().lists(url) and not datasets.is_published(url):
        raise Forbidden(f"{url} is not a dataset of the catalogue, nor on a host that is allowed besides.")
    db.session.commit()  # no connection waits while the dataset is opened
    response = respond({"html": opener().html(url), "dataset": url})
    response.headers["Cache-Control"] = f"public, max-age={FRESH}"
    return response
