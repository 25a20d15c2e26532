"""Runs `flask` commands in forks of a process that has already imported the service, which takes most of their time.

A fork gets the arguments, the folder, the environment and the streams of its command, as if it had been started.
"""

import gc
import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory

from tests.support.live import ROOT

# What `flask` imports for any command, except `wsgi`, which reads the environment.
IMPORTED = ("app", "app.cli.db", "config", "flask.cli")

# It starts in a fiftieth of the time.
PROGRAM = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as parent:
    parent.connect({path!r})
    command = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)])
    socket.send_fds(parent, [command.encode()], [0, 1, 2])
    parent.shutdown(socket.SHUT_WR)
    sys.exit(parent.recv(1)[0])
"""


@contextmanager
def programs(folder=ROOT):
    """The path of a folder with a program `flask` of the service in `folder`."""
    with TemporaryDirectory(prefix="flask-") as own, socket.socket(socket.AF_UNIX) as listener:
        path, program = f"{own}/socket", Path(own, "flask")
        listener.bind(path)
        listener.listen()
        program.write_text(PROGRAM.format(python=sys.executable, path=path))
        program.chmod(0o755)
        command = [sys.executable, "-m", __name__, str(listener.fileno())]
        # It ends when its standard input does.
        with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, pass_fds=[listener.fileno()]):
            yield own


def wait_for_command(listener):
    """Fork for each command. Return what the program has sent and its streams, in the fork alone."""
    while listener in select([sys.stdin, listener], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            text, streams, *_ = socket.recv_fds(connection, 2**16, 3)
            while part := connection.recv(2**16):
                text += part
            if not (command := os.fork()):
                return text, streams
            connection.send(bytes([os.waitstatus_to_exitcode(os.waitpid(command, 0)[1]) % 256]))
            os._exit(0)
        connection.close()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    sys.exit()


def main(listener):
    for name in IMPORTED:
        import_module(name)
    import_module("app.web.openapi").document(import_module("app.routes").BLUEPRINTS)  # a process builds it once
    gc.freeze()  # otherwise each fork searches these objects for garbage when it ends
    text, streams = wait_for_command(listener)
    arguments, folder, environment = json.loads(text)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["flask", *arguments]
    import_module("flask.cli").cli.main(prog_name="flask")


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
