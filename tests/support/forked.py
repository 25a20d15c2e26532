"""Runs the program that opens datasets in a fork of a process that has already imported its libraries.

The imports take most of the time of the program. A fork runs the same code under the same limits.
"""

import io
import os
import subprocess
import sys
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import forkserver, get_context
from unittest.mock import patch

from app.repr import inspector, opener

PRELOADED = "tests.support.preloaded"


@contextmanager
def programs():
    """Within this context, `opener.run` and `inspector.inspect` fork the program."""
    with patch.dict(os.environ, opener.ENVIRONMENT):  # which libraries read when they are imported
        forkserver.set_forkserver_preload([PRELOADED])
        forkserver.ensure_running()
    with patch.object(opener, "subprocess", _Subprocess), patch.object(inspector, "subprocess", _Subprocess):
        yield


class _Subprocess:
    """What the module `subprocess` has, with another `run`."""

    CalledProcessError = subprocess.CalledProcessError
    TimeoutExpired = subprocess.TimeoutExpired

    @staticmethod
    def run(command, *, input, env, **options):
        context = get_context("forkserver")
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_main, args=(command[-1], input, env, writer))
        process.start()
        writer.close()
        with os.fdopen(os.dup(reader.fileno()), "rb") as output:
            printed = output.read()
        process.join()
        if process.exitcode:
            raise subprocess.CalledProcessError(process.exitcode, command, printed)
        return subprocess.CompletedProcess(command, 0, printed)


def _main(seconds, request, env, output):
    """Run the program with these seconds, this standard input and this environment. `output` is its standard output."""
    os.dup2(output.fileno(), sys.__stdout__.fileno())
    output.close()
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["program", seconds]
    sys.stdin = io.StringIO(request.decode())
    import_module(PRELOADED).main()
