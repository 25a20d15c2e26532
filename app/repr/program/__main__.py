"""Reads a request from standard input and prints what it asks for, a JSON object in each line.

`{"url": …, "trusted": …}` is answered by `{"html": …}` or `{"error": …}`, a key of `app.repr.opener.ERRORS`. With a
`kind`, a type of datasets, and a `snapshot_id`, the dataset is inspected: the lines are the results of
`inspection.inspect`, then an `error` if there was one, or the `kind` of the dataset if it is another.
"""

import encodings.idna  # libraries load these three late, see `drop_privileges`
import encodings.punycode  # noqa: F401  # likewise
import json
import multiprocessing.synchronize  # noqa: F401  # likewise
import os
import sys
from typing import Any

from . import inspection
from .representation import representation
from .sandbox import INSPECTION_MEMORY, MEMORY, drop_privileges, limit_resources
from .store import OtherKindError, StoreError


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print, for example the warnings of Icechunk, is not an answer

    def show(answer: dict[str, Any]) -> None:
        print(json.dumps(answer, ensure_ascii=False), file=answers, flush=True)

    request = json.load(sys.stdin)
    limit_resources(int(sys.argv[1]), INSPECTION_MEMORY if "kind" in request else MEMORY)
    module = inspection.load(request["kind"]) if "kind" in request else None
    drop_privileges()
    try:
        if module:
            inspection.inspect(module, **request, show=show)
        else:
            show({"html": representation(**request)})
    except OtherKindError as other:
        show({"kind": str(other)})
    except StoreError as error:
        show({"error": str(error)})
    os._exit(0)  # without closing the open connections


if __name__ == "__main__":
    main()
