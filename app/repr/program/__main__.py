"""Reads a request from standard input and prints what it asks for.

`{"show": "html", "url": …, "trusted": …}` is answered by `{"html": …}` or `{"error": …}`, a key of
`app.repr.opener.ERRORS`.
"""

import encodings.idna  # noqa: F401  # libraries load these two late, see `drop_privileges`
import json
import multiprocessing.synchronize  # noqa: F401
import os
import sys

from .limits import drop_privileges, limit_resources
from .representation import representation
from .store import StoreError


def main() -> None:
    limit_resources(int(sys.argv[1]))
    drop_privileges()
    try:
        answer = {"html": representation(**json.load(sys.stdin))}
    except StoreError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
    os._exit(0)  # without closing the open connections


if __name__ == "__main__":
    main()
