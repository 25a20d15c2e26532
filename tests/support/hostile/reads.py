"""Hostile requests that read."""

from urllib.parse import unquote

from tests.support.factories import RUN_COLUMNS, RUN_FIELDS
from tests.support.hostile import invalid

NO_ID = invalid("path", {"/id": "id must be a whole number."})
NOWHERE = None  # the answer is nowhere(path)
NOT_AN_INTEGER = "Not a valid integer."
NOT_A_BOOLEAN = "Not a valid boolean."
NOT_OURS = (
    "Take it from a link of this list in this order (order_by and sort), as it is. If it is from an earlier release of "
    "the service, start again at the first page."
)
NOT_A_TIME = "Must be an RFC 3339 timestamp, such as 2022-03-03T02:29:54Z."
LOST_PLUS = f"{NOT_A_TIME} The offset has a blank instead of its sign: in a query, write + as %2B."
NOT_A_TIME_OR_DATE = "Must be an RFC 3339 timestamp or a date, such as 2022-03-03T02:29:54Z or 2022-03-03."
OUT_OF_RANGE = "Must be between the years 1 and 9999 in UTC."
NOT_AN_ID = "Must be greater than or equal to 1 and less than or equal to 2147483647."
NUL = "Must not contain the character U+0000."
UNKNOWN = "Unknown field. /docs lists the parameters."
LIMITS = "Must be greater than or equal to 0 and less than or equal to 1000."
SORTS = "Must be one of: asc, desc."
ORDERS = f"Must be one of: {', '.join(['id', *(name for name in RUN_COLUMNS if name != 'id')])}."
FIELDS = f"Must be one of: {', '.join(RUN_FIELDS)}."


def nowhere(path, near=None):
    guess = f" (did you mean {near}?)" if near else ""
    return 404, f"There is nothing at {unquote(path.partition('?')[0])}{guess}; /docs lists what there is."


# A query of the list of runs, its invalid parameter, and the sentence about it.
QUERIES = {
    "a negative limit": ("limit=-1", "limit", LIMITS),
    "a negative offset": (
        "offset=-1",
        "offset",
        "Must be greater than or equal to 0 and less than or equal to 9223372036854775807.",
    ),
    "a limit above the largest": ("limit=1001", "limit", LIMITS),
    "the limit of the original's client": ("limit=5000", "limit", LIMITS),
    "a limit of 2^63": ("limit=9223372036854775808", "limit", LIMITS),
    "an offset of 2^63": (
        "offset=9223372036854775808",
        "offset",
        "Must be greater than or equal to 0 and less than or equal to 9223372036854775807.",
    ),
    "an offset of 10^40": ("offset=10000000000000000000000000000000000000000", "offset", NOT_AN_INTEGER),
    "a limit of letters": ("limit=abc", "limit", NOT_AN_INTEGER),
    "an empty limit": ("limit=", "limit", NOT_AN_INTEGER),
    "a limit with a fraction": ("limit=1.5", "limit", NOT_AN_INTEGER),
    "a limit of 1.0": ("limit=1.0", "limit", NOT_AN_INTEGER),
    "a limit that is true": ("limit=true", "limit", NOT_AN_INTEGER),
    "a limit with an exponent": ("limit=1e1", "limit", NOT_AN_INTEGER),
    "a limit in hexadecimal": ("limit=0x10", "limit", NOT_AN_INTEGER),
    "a limit of null": ("limit=null", "limit", NOT_AN_INTEGER),
    "a limit with a semicolon": ("limit=1;offset=2", "limit", NOT_AN_INTEGER),
    "a limit with an underscore": ("limit=1_0", "limit", NOT_AN_INTEGER),
    "a limit between blanks": ("limit=%202%20", "limit", NOT_AN_INTEGER),
    "a limit with a plus": ("limit=%2B2", "limit", NOT_AN_INTEGER),
    "a limit with zeros before it": ("limit=007", "limit", NOT_AN_INTEGER),
    "a limit in Arabic digits": ("limit=%D9%A2", "limit", NOT_AN_INTEGER),
    "a limit given twice": ("limit=1&limit=2", "limit", "limit is given more than once."),
    "a limit with a line break": ("limit=1%0D%0AX-Evil:%201", "limit", NOT_AN_INTEGER),
    "a limit with NUL": ("limit=1%00", "limit", NOT_AN_INTEGER),
    "sort up": ("sort=up", "sort", SORTS),
    "sort in capitals": ("sort=DESC", "sort", SORTS),
    "an empty sort": ("sort=", "sort", SORTS),
    "order by an unknown column": ("order_by=nope", "order_by", ORDERS),
    "order by ID": ("order_by=ID", "order_by", ORDERS),
    "order by a relation": ("order_by=bakery", "order_by", ORDERS),
    "order by an attribute of SQLAlchemy": ("order_by=metadata", "order_by", ORDERS),
    "order by a method": ("order_by=dict", "order_by", ORDERS),
    "order by a dunder": ("order_by=__class__", "order_by", ORDERS),
    "order by two columns": ("order_by=a,b", "order_by", ORDERS),
    "an empty order_by": ("order_by=", "order_by", ORDERS),
    "order by SQL": ("order_by=id;DROP%20TABLE%20reciperun", "order_by", ORDERS),
    "an unknown parameter": ("nope=1", "nope", UNKNOWN),
    "a parameter without a name": ("=1", "", UNKNOWN),
    "a parameter named NUL": ("%00=1", "\x00", UNKNOWN),
    "a parameter in bad UTF-8": ("%FF=%FF", "%FF", UNKNOWN),
    "a parameter with a bracket": (
        "limit[]=1",
        "limit[]",
        "Unknown field. Did you mean limit? /docs lists the parameters.",
    ),
    "a cursor of nonsense": ("cursor=nonsense", "cursor", NOT_OURS),
    "an empty cursor": ("cursor=", "cursor", "Length must be between 1 and 4000."),
    "a cursor with another signature": ("cursor=WzEwMCxmYWxzZV0.1RTTb9vSFlzPGcOL0ZIAC4XgaEg", "cursor", NOT_OURS),
    "a cursor that is not text": ("cursor=%FF", "cursor", NOT_OURS),
    "a cursor with NUL": ("cursor=%00", "cursor", NUL),
    "a cursor of base64 without end": ("cursor=====.====", "cursor", NOT_OURS),
    "a cursor and an offset": ("cursor=x&offset=1", "cursor", "Give a cursor or an offset, not both."),
    "unknown fields": ("fields=nope", "fields", FIELDS),
    "no fields": ("fields=", "fields", FIELDS),
    "fields with a dunder": ("fields=id,__dict__", "fields", FIELDS),
    "a count of yes": ("count=yes", "count", NOT_A_BOOLEAN),
    "an unknown status": ("status=QUEUED", "status", "Must be one of: queued, in_progress, completed."),
    "a filter for NUL": ("recipe_id=%00", "recipe_id", NUL),
    "a filter for 2^31": ("bakery_id=2147483648", "bakery_id", NOT_AN_ID),
    "a filter by a time without a zone sign": ("started_after=2021-01-01T00:00:00+02:00", "started_after", LOST_PLUS),
    "a filter by a year out of range": ("started_after=9999-12-31T23:59:59-23:59", "started_after", OUT_OF_RANGE),
    "a search for nothing": ("q=", "q", "Length must be between 1 and 255."),
    "a cursor of 4001 characters": ("cursor=" + "x" * 4001, "cursor", "Length must be between 1 and 4000."),
}
# A path and its answer.
PATHS = {
    "an id of letters": ("/bakeries/abc", NO_ID),
    "an id with a fraction": ("/bakeries/1.0", NO_ID),
    "an id with an exponent": ("/bakeries/1e0", NO_ID),
    "an id of null": ("/feedstocks/null", NO_ID),
    "an id of *": ("/feedstocks/*", NO_ID),
    "an id with NUL": ("/feedstocks/1%00", NO_ID),
    "an id that was a path of the original": ("/recipe_runs/register", NO_ID),
    "an id with a zero before it": ("/recipe_runs/01", NO_ID),
    "an id after a blank": ("/recipe_runs/%201", NO_ID),
    "an id with a plus": ("/recipe_runs/%2B1", NO_ID),
    "an id with an underscore": ("/recipe_runs/1_0", NO_ID),
    "an id in Arabic": ("/recipe_runs/%D9%A1", NO_ID),
    "an id with a line break": ("/recipe_runs/1%0D%0AX-Evil:%201", NO_ID),
    "the id 0": ("/bakeries/0", (404, "bakery 0 not found")),
    "the id -1": ("/bakeries/-1", (404, "bakery -1 not found")),
    "the id 2^31": ("/feedstocks/2147483648", (404, "feedstock 2147483648 not found")),
    "the id 2^63": ("/recipe_runs/9223372036854775808", (404, "recipe run 9223372036854775808 not found")),
    "the id 10^40": (
        "/recipe_runs/10000000000000000000000000000000000000000",
        (404, "recipe run 10000000000000000000000000000000000000000 not found"),
    ),
    "an unknown type of datasets": (
        "/feedstocks/1/datasets?type=nope",
        invalid("query", {"/type": "type: Must be one of: all, production, test."}),
    ),
    "the datasets of a missing feedstock": ("/feedstocks/0/datasets", (404, "feedstock 0 not found")),
    "a flag of yes": (
        "/stats/datasets?exclude_test_runs=yes",
        invalid("query", {"/exclude_test_runs": "exclude_test_runs: Not a valid boolean."}),
    ),
    "an empty flag": (
        "/stats/datasets?exclude_test_runs=",
        invalid("query", {"/exclude_test_runs": "exclude_test_runs: Not a valid boolean."}),
    ),
    "a parameter of a route without parameters": (
        "/stats/bakeries?limit=1",
        invalid("query", {"/limit": "limit: Unknown field. This path has no parameters."}),
    ),
    "capitals": ("/Bakeries/", nowhere("/Bakeries/", "/bakeries/")),
    "dots": ("/bakeries/../api-keys", NOWHERE),
    "encoded dots": (
        "/docs/%2e%2e/%2e%2e/config.py",
        (404, "There is nothing at /docs/../../config.py; /docs lists what there is."),
    ),
    "an absolute path": ("/docs//etc/passwd", NOWHERE),
    "a path of NUL": ("/%00", (404, "There is nothing at /\x00; /docs lists what there is.")),
    "a path with a line break": (
        "/x%0D%0ASet-Cookie:%20a=b",
        (404, "There is nothing at /x\r\nSet-Cookie: a=b; /docs lists what there is."),
    ),
    "hooks of the original": ("/github/hooks/deliveries", nowhere("/github/hooks/deliveries", "/github/hooks/")),
    "a url to fetch": (
        "/repr/xarray/?url=http://169.254.169.254/",
        (
            403,
            "http://169.254.169.254/ is not a dataset of the catalogue, and its host is not allowed.",
        ),
    ),
    "a file to fetch": (
        "/repr/xarray/?url=file:///etc/passwd",
        invalid("query", {"/url": "url: Must be a url such as https://host/path or s3://bucket/path."}),
    ),
    "an id of 5000 digits": ("/bakeries/" + "9" * 5000, NO_ID),
}


def wrong(name, sentence):
    """The answer about an invalid parameter. A sentence that already names it gets no prefix."""
    return invalid("query", {f"/{name}": sentence if sentence.startswith(name) and name else f"{name}: {sentence}"})


REQUESTS = {
    name: (("GET", f"/recipe_runs/?{query}"), wrong(parameter, sentence))
    for name, (query, parameter, sentence) in QUERIES.items()
} | {name: (("GET", path), answer or nowhere(path)) for name, (path, answer) in PATHS.items()}
