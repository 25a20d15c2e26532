"""What the data of a feedstock are about."""

from typing import Any

from flask import Response, request

from app.database import rows
from app.models import Feedstock, FeedstockMetadata
from app.routes.feedstock_metadata_bodies import with_metadata
from app.schemas.common import Ok
from app.schemas.feedstock_metadata import (
    EXAMPLE,
    YAML_EXAMPLE,
    FeedstockMetadataRead,
    FeedstockMetadataWrite,
    FeedstockMetadataWritten,
)
from app.schemas.serialiser import serialiser
from app.services import feedstock_metadata, records
from app.web import documents
from app.web.auditing import Written
from app.web.auth import Caller
from app.web.blueprint import LOCATION, Blueprint
from app.web.links import with_prefix
from app.web.preconditions import require_match

MAX_BODY = 256 * 1024  # bytes; the longest of the files that exist have 5 KiB

BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": FeedstockMetadataWrite, "example": EXAMPLE},
        # Of a file that a person wrote, any value is welcome.
        "application/yaml": {"schema": {"examples": [YAML_EXAMPLE]}},
    },
}

SHOWN = serialiser(FeedstockMetadataRead).attributes

blp = Blueprint(
    "feedstock_metadata", __name__, url_prefix="/feedstocks", description="What the data of a feedstock are about."
)


@blp.route("/<id:id>/metadata", methods=["GET"], caller=Caller.PUBLIC, example_id=2)
@blp.response(200, FeedstockMetadataRead, description="The metadata.")
def get_feedstock_metadata(id: int) -> Response:
    """Get the metadata of a feedstock

    The answer is 404 if the feedstock has no metadata.
    """
    rows.require(Feedstock, id)
    return documents.answer(FeedstockMetadata, FeedstockMetadataRead, id)


@blp.route("/<id:id>/metadata", methods=["PUT"], caller=Caller.WRITER, max_body=MAX_BODY, example_id=2)
@blp.doc(requestBody=BODY)
@blp.response(200, FeedstockMetadataWritten, description="The metadata replaced the former ones.")
@blp.alt_response(201, schema=FeedstockMetadataWritten, description="The feedstock had none.", headers=LOCATION)
@with_metadata
def put_feedstock_metadata(values: dict[str, Any], ignored: list[dict[str, str]], id: int) -> Written:
    """Replace the metadata of a feedstock

    The body is JSON, or with `Content-Type: application/yaml` the files `meta.yaml` and `catalog.yaml` of the feedstock
    as they are: one of them, or both with a line `---` between them. Of YAML, everything usable is taken, and `ignored`
    says what was not, and why. JSON is validated like all JSON. A field that is missing becomes null or an empty list.
    """
    records.get(Feedstock, id, to_write=True)
    found = feedstock_metadata.find(id)
    require_match(found or FeedstockMetadata(id=id), FeedstockMetadataRead, exists=found is not None)
    record, new, changed = feedstock_metadata.save(id, values)
    content = {name: getattr(record, name) for name in SHOWN} | {"ignored": ignored}
    headers = {"Location": with_prefix(request.path.rstrip("/"))} if new else {}
    return Written(content, [id], 201 if new else 200, headers, changed=changed)


@blp.route("/<id:id>/metadata", methods=["DELETE"], caller=Caller.WRITER, example_id=2)
@blp.response(200, Ok, description="The metadata are deleted.")
def delete_feedstock_metadata(id: int) -> Written:
    """Delete the metadata of a feedstock

    The feedstock stays, without a description.
    """
    records.get(Feedstock, id, to_write=True)
    record = records.get(FeedstockMetadata, id)
    require_match(record, FeedstockMetadataRead)
    records.delete(record)
    return Written({"ok": True}, [id])
