"""The logs of recipe runs on the wire."""

from functools import partial

from marshmallow import Schema, ValidationError, fields, validates_schema

from app.database.columns import BIGINT_MAX
from app.database.urls import is_web_address, with_encoded_blanks
from app.models.run_logs import LEVEL, LEVEL_MAX, PLACEHOLDERS
from app.schemas.base import LIMIT_MAX, AnswerSchema, ReadSchema, WriteSchema
from app.schemas.fields import Choice, FieldFilter, Number, ObjectList, Text, Timestamp

FORMATS = {"json": "application/json", "ndjson": "application/x-ndjson", "text": "text/plain"}
EXAMPLE = "Collecting xarray\nERROR: No matching distribution found for xarray==99\n"

Level = partial(
    Text,
    1,
    LEVEL_MAX,
    description="The level of the line, in lower case, such as `info` or `error`.",
    example=LEVEL,
)
Lines = partial(Number, 0, BIGINT_MAX, required=True)


class LogLine(AnswerSchema):
    timestamp = Timestamp(required=True, description="When the line was written, or when it arrived.")
    level = Level(required=True)
    message = fields.String(
        required=True,
        metadata={"description": "The text of the line, without secrets.", "examples": ["wrote 5 chunks"]},
    )


class LogLineWrite(WriteSchema):
    """A line of a body in NDJSON."""

    timestamp = Timestamp(description="When the line was written; without it, when it arrives.")
    level = Level(load_default=LEVEL)
    message = fields.String(required=True)


class RunLogRead(AnswerSchema):
    logs = ObjectList(LogLine, description="The lines, oldest first.")
    first = Lines(
        description="The number of the first of these lines. The first line that the run has sent has the number 0.",
        example=0,
    )
    next = Lines(description="The `offset` for the lines that follow, also for those that do not exist yet.", example=1)
    total = Lines(description="The number of all lines that the run has sent.", example=1)
    cut_lines = Lines(
        description="How many of them are not stored any more: the oldest, because a log has up to 1 MiB.", example=0
    )
    log_url = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Where the bakery keeps the log of the run; null if it does not say.",
            "examples": ["https://console.example.org/jobs/7"],
        },
    )


class RunLogWritten(ReadSchema):
    lines = Lines(description="The number of all lines that the run has sent.", example=2)
    bytes = Lines(description="The size of the stored lines. Each counts its message and 32 bytes.", example=132)
    cut_lines = Lines(description="How many of the oldest lines are not stored any more.", example=0)


class RunLogQuery(Schema):
    tail = Number(1, LIMIT_MAX, in_query=True, example=20, description="Only that many of the newest lines.")
    offset = Number(
        0, BIGINT_MAX, in_query=True, load_default=0, example=0, description="Only lines from this number on."
    )
    limit = Number(
        0,
        LIMIT_MAX,
        in_query=True,
        example=100,
        description=f"The maximum number of lines. In JSON the default is {LIMIT_MAX}, in other formats all lines.",
    )
    level = FieldFilter(Level(), "level")
    format = Choice(
        tuple(FORMATS),
        component="LogFormat",
        description="The format of the answer, instead of the header `Accept`.",
    )

    @validates_schema
    def refuse_tail_of_page(self, values: dict[str, object], **_: object) -> None:
        if "tail" in values and (values["offset"] or "limit" in values):
            raise ValidationError("Give tail, or offset and limit, not both.", "tail")


def _is_template(url: str) -> None:
    """Raise ValidationError if `url` is not an address of https, with known placeholders only."""
    names = [part.partition("}") for part in url.split("{")[1:]]
    if any(name not in PLACEHOLDERS or not brace or "}" in rest for name, brace, rest in names) or (
        "}" in url.partition("{")[0]
    ):
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValidationError(f"Braces may only contain one of: {known}.")
    host = url.removeprefix("https://").partition("/")[0]
    if not url.startswith("https://") or not is_web_address(with_encoded_blanks(url)) or set(host) & set("{}@?#"):
        raise ValidationError("Must be a URL that begins with https:// and a host.")


LogUrl = partial(
    Text,
    1,
    2048,
    rules=(_is_template,),
    allow_none=True,
    description="Where the logs of this bakery's runs are, if it keeps them elsewhere: a URL of https in which "
    "`{run_id}`, `{external_id}`, `{head_sha}` and `{recipe_id}` stand for values of the run.",
    example="https://console.example.org/jobs/{run_id}",
)
