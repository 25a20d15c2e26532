"""`python app/cli/first_run.py PORT`: check what `make run` needs, before it begins anything that takes long.

It runs on any Python 3, because an old one is among the faults that it names. It prints one sentence for a fault.
"""

import os
import socket
import sys
from importlib.util import find_spec

NEEDED = (3, 11)
MODULES = ("ensurepip", "sqlite3", "ssl", "venv")  # Debian has some of them in other packages
PORT_MAX = 65535


def fault_of_python() -> str:
    """What is wrong with the Python that runs this, or an empty text."""
    version = ".".join(str(number) for number in sys.version_info[:3])
    name = f"Python {version} at {sys.executable}"
    if sys.version_info[:2] < NEEDED:
        needed = ".".join(str(number) for number in NEEDED)
        return (
            f"{name} is too old: the service needs {needed}. Name another one: make run PYTHON=/path/to/python{needed}"
        )
    missing = [module for module in MODULES if find_spec(module) is None]
    if missing:
        return f"{name} lacks the module {missing[0]}. On Debian and Ubuntu: sudo apt-get install python3-venv"
    return ""


def fault_of_port(text: str) -> str:
    """Why no server can listen on the port of this machine, or an empty text."""
    if not text.isdecimal() or not 0 < int(text) <= PORT_MAX:
        return f"PORT is {text!r}; it must be a number from 1 to {PORT_MAX}."
    reason = _why_not(int(text))
    if not reason:
        return ""
    free = next(port for port in (*range(8000, PORT_MAX), 0) if not _why_not(port))
    return f"Port {text} cannot be used: {reason}. Use another one: make run PORT={free}"


def _why_not(port: int) -> str:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    return ""


if __name__ == "__main__":
    sys.exit(fault_of_python() or fault_of_port(sys.argv[1]) or None)
