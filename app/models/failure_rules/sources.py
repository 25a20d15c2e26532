"""Source files that are missing, that cannot be read, or that do not fit together."""

from app.models.failure_rules.rule import CONTRIBUTOR, Rule

_HTTP = r"(?:ClientResponseError: |HTTPError: (?:HTTP Error )?|status(?: code)?[=: ]+)"
_WAIT = "Run the recipe again later. If it happens again, lower the number of parallel requests."
_CHECK = "Open one source file of each kind with xarray and compare their dimensions, variables and types."

# Other files may be missing too, so a path has to look like one of data, or to be opened where sources are opened.
_MISSING = r"FileNotFoundError: (?:\[Errno 2\] No such file or directory: )?'?"

RULES = (
    Rule(
        "source-denied",
        "source_denied",
        CONTRIBUTOR,
        "The host of the source files refused access ({reason}).",
        "Ask the bakery's operator for the credentials of this host, or use source files that are public.",
        (
            _HTTP + r"(?P<reason>40[13]\b(?:, message='[^']{0,40}')?)",
            r"(?P<reason>Anonymous caller does not have storage\.objects\.(?:get|list))",
            r"An error occurred \((?P<reason>AccessDenied|403)\) when calling the (?:Get|Head|List)\w{1,30}",
            r"PermissionError: (?P<reason>Access Denied|Forbidden)",
            r"(?P<reason>urs\.earthdata\.nasa\.gov).{0,200}(?:denied|login|Unauthorized)",
        ),
    ),
    Rule(
        "source-not-found",
        "source_not_found",
        CONTRIBUTOR,
        "There is no source file {source}.",
        "Compare the pattern of the recipe with the files that the host lists: names and dates often change.",
        (
            _MISSING + r"(?P<source>(?:https?|s3|gs|gcs|ftp|abfs)://[^\s'\"]{1,300})",
            _MISSING + r"(?P<source>[^\s'\"]{1,300})'?.{0,5}\[while running '[^'\n]{0,300}open_url",
            _MISSING + r"(?P<source>[^\s'\"]{1,200}\.(?:nc4?|h5|hdf5?|he5|gri?b2?|tiff?|zarr|csv|parquet|gz|zip))\b",
            _HTTP + r"404\b.{0,100}?(?P<source>https?://[^\s'\")]{1,300})",
            r"(?P<source>(?:s3|gs|https?)://[^\s'\"]{1,300})'? (?:does not exist|not found)",
            r"NoSuchKey.{0,100}?(?P<source>The specified key) does not exist",
        ),
    ),
    Rule(
        "source-limits-requests",
        "source_slow",
        CONTRIBUTOR,
        "The host of the source files limits the number of requests.",
        _WAIT,
        (_HTTP + r"429\b", r"429 Client Error", r"Too Many Requests", r"SlowDown\b"),
    ),
    Rule(
        "source-slow",
        "source_slow",
        CONTRIBUTOR,
        "The host of the source files did not answer in time.",
        _WAIT,
        (
            r"(?:FSTimeoutError|ServerTimeoutError|ReadTimeoutError|ConnectTimeoutError|ReadTimeout|ConnectTimeout)\b",
            r"(?:asyncio|aiohttp|fsspec|urllib3|requests|socket)[\w.]{0,80}TimeoutError\b",
            r"TimeoutError\b.{0,200}\[while running '[^'\n]{0,300}open_url",
            r"ead timed out",
            r"onnection timed out",
            _HTTP + r"504\b",
        ),
    ),
    Rule(
        "source-unreachable",
        "source_unreachable",
        CONTRIBUTOR,
        "The host of the source files cannot be reached ({reason}).",
        _WAIT,
        (
            r"(?P<reason>Cannot connect to host [^\s\[]{1,200})",
            r"(?P<reason>Name or service not known|Temporary failure in name resolution)",
            r"(?P<reason>nodename nor servname provided)",
            r"(?P<reason>Connection refused|Connection reset by peer|Server disconnected|No route to host)",
            r"(?P<reason>SSLCertVerificationError|CERTIFICATE_VERIFY_FAILED)",
            _HTTP + r"(?P<reason>50[0235]\b(?:, message='[^']{0,40}')?)",
            r"(?P<reason>50[0235] Server Error)",
        ),
    ),
    Rule(
        "source-unreadable",
        "sources_do_not_fit",
        CONTRIBUTOR,
        "A source file is not of the type that the recipe expects ({reason}).",
        "Look at the file: hosts send a page in HTML instead of a file that is gone, and downloads may be truncated.",
        (
            r"(?P<reason>did not find a match in any of xarray's currently installed IO backends)",
            r"(?P<reason>NetCDF: (?:Unknown file format|HDF error))",
            r"(?P<reason>file signature not found|truncated file)",
            r"ValueError: (?P<reason>Inferred file type .{1,150}|.{0,20}is not a valid (?:netCDF|HDF5?|Zarr).{0,60})",
            r"(?P<reason>cannot guess the engine)",
        ),
    ),
    Rule(
        "sources-do-not-fit",
        "sources_do_not_fit",
        CONTRIBUTOR,
        "The source files do not fit together: {reason}.",
        _CHECK,
        (
            r"(?P<reason>Found overlapping keys in concat_dim)",
            r"(?P<reason>Non concat_dim chunks must be the same)",
            r"(?P<reason>Can't merge (?:datasets|variables|accumulators) with .{1,150})",
            r"(?P<reason>Dimensions for \S{1,100} have different sizes: .{1,100})",
            r"(?P<reason>Cannot combine fragments because they do not form a regular hypercube)",
            r"(?P<reason>Dataset .{1,100} and index starts .{1,100} are not consistent)",
            r"MergeError: (?P<reason>.{1,200})",
            r"(?P<reason>conflicting sizes for dimension .{1,100})",
            r"(?P<reason>cannot reindex or align along dimension .{1,150})",
            r"(?P<reason>Resulting object does not have monotonic global indexes along dimension \S{1,50})",
            r"(?P<reason>Could not find any dimension coordinates to use to order the datasets)",
            r"(?P<reason>(?:variables|coordinates) .{1,100} (?:are|is) present in some datasets but not .{1,60})",
        ),
    ),
)
