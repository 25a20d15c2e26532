"""Runs the program of this package in a separate process, and limits its time and its output.

A store that takes the program over may let it write anything, and without end.
"""

import json
import logging
import os
import selectors
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

logger = logging.getLogger(__name__)

# Without secrets. The variables limit the memory that libraries reserve per thread.
ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1", "ZARR_THREADING__MAX_WORKERS": "2"}
ENVIRONMENT["TOKIO_WORKER_THREADS"] = "1"  # of Icechunk
OUTPUT_MAX = 4 * 1024**2 + 1024  # bytes; enough for 1024**2 characters of HTML, if few have to be escaped in JSON
CHUNK = 64 * 1024  # bytes


@dataclass(frozen=True)
class Output:
    """What the program has written. `error` is "late" or "crashed", or None if it has ended with the exit code 0."""

    written: bytes
    error: str | None = None


def run(program: Path, asked: dict[str, Any], seconds: int) -> Output:
    """Run the program with `asked` as JSON for at most `seconds`. A crash is logged."""
    end, output = monotonic() + seconds, bytearray()
    command = [sys.executable, "-I", str(program), str(seconds)]
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT
        ) as process,
        selectors.DefaultSelector() as ready,
    ):
        assert process.stdin
        assert process.stdout
        ready.register(process.stdout, selectors.EVENT_READ)
        try:
            with suppress(BrokenPipeError), process.stdin:  # it may have ended already
                process.stdin.write(json.dumps(asked).encode())
            while len(output) <= OUTPUT_MAX:
                if not ready.select(max(end - monotonic(), 0)):
                    raise subprocess.TimeoutExpired(command, seconds)
                chunk = os.read(process.stdout.fileno(), CHUNK)
                if not chunk:
                    process.wait(max(end - monotonic(), 0))
                    break
                output += chunk
        except subprocess.TimeoutExpired:
            return Output(bytes(output), "late")
        finally:
            process.kill()
    if len(output) <= OUTPUT_MAX and process.returncode == 0:
        return Output(bytes(output))
    logger.warning("the program for a dataset crashed", extra={"exit_code": process.returncode, "bytes": len(output)})
    return Output(bytes(output[:OUTPUT_MAX]), "crashed")
