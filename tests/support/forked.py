"""Runs the program that opens datasets in a fork of a process that has already imported its libraries.

The imports take most of the time of the program. A fork runs the same code under the same limits.
"""

import io
import json
import os
import sys
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import forkserver, get_context
from unittest.mock import patch

from app.repr import process

PRELOADED = "tests.support.preloaded"


@contextmanager
def programs():
    """Within this context, `opener.run` and `inspector.inspect` fork the program."""
    with patch.dict(os.environ, process.ENVIRONMENT):  # which libraries read when they are imported
        forkserver.set_forkserver_preload([PRELOADED])
        forkserver.ensure_running()
    with patch.object(process, "run", _run):
        yield


def _run(_program, asked, seconds):
    """As `app.repr.process.run` does, without its limits."""
    context = get_context("forkserver")
    reader, writer = context.Pipe(duplex=False)
    fork = context.Process(target=_main, args=(str(seconds), json.dumps(asked), process.ENVIRONMENT, writer))
    fork.start()
    writer.close()
    with os.fdopen(os.dup(reader.fileno()), "rb") as output:
        printed = output.read()
    fork.join()
    return process.Output(printed, "crashed" if fork.exitcode else None)


def _main(seconds, request, env, output):
    """Run the program with these seconds, this standard input and this environment. `output` is its standard output."""
    os.dup2(output.fileno(), sys.__stdout__.fileno())
    output.close()
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["program", seconds]
    sys.stdin = io.StringIO(request)
    import_module(PRELOADED).main()
