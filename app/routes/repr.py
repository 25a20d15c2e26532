"""HTML representations of datasets."""

import re
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import Forbidden

from app.extensions import db
from app.repr.opener import MAX_AGE, opener
from app.schemas.repr import XarrayQuery, XarrayRead
from app.services import datasets
from app.web.auth import Caller
from app.web.blueprint import Blueprint
from app.web.json import respond

# A url that is not percent-encoded. The clients of the original send it like this.
PLAIN_URL = re.compile(rb"url=([A-Za-z0-9+.-]+://.*)", re.DOTALL)

blp = Blueprint("repr", __name__, url_prefix="/repr", description="HTML representations of datasets.")


@blp.before_request
def encode_url() -> None:
    """Percent-encode a url that is not encoded, so that its `&`, `%` and `+` remain part of it."""
    if found := PLAIN_URL.fullmatch(request.query_string):
        request.query_string = b"url=" + quote(found[1], safe="").encode()


@blp.route("/xarray/", methods=["GET"], caller=Caller.PUBLIC)
@blp.arguments(XarrayQuery, location="query")
@blp.response(200, XarrayRead, description="The HTML representation.")
@blp.alt_response(403, "FORBIDDEN")
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(501, "NOT_IMPLEMENTED")
@blp.alt_response(502, "BAD_GATEWAY")
@blp.alt_response(504, "GATEWAY_TIMEOUT")
def get_xarray_repr(query: dict[str, str]) -> Response:
    """Show a dataset as xarray does

    The answer is HTML for a web page. A run must have published the dataset at `url`, or its host must be one that the
    operators of this service allow. It is a Zarr store with consolidated metadata, or Kerchunk references in JSON.
    Answers are cached for ten minutes. A few datasets are opened at a time; other requests wait for some seconds.
    """
    url = query["url"]
    if not opener().allows(url) and not datasets.is_published(url):
        raise Forbidden(f"{url} is not a dataset of the catalogue, and its host is not allowed.")
    db.session.commit()  # release the connection while the dataset is opened
    response = respond({"html": opener().html(url), "dataset": url})
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE}"
    return response
