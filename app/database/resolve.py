"""Resolves the host names of PostgreSQL servers within a time limit, while other greenlets run.

libpq would resolve them in C, so a resolver that hangs would block all greenlets of the worker. With the addresses in
`hostaddr`, libpq does not resolve names, and still verifies certificates by name.
"""

import os
import socket
from concurrent.futures import Future, wait
from ipaddress import ip_address
from threading import Thread
from typing import Any

import psycopg2
from sqlalchemy import Dialect

from config import CONNECT_TIMEOUT

# The running lookups, by name. There is one thread for each name, so a resolver that hangs does not accumulate threads.
# A forked process starts without lookups, because it does not inherit threads.
_running: dict[str, Future[list[str]]] = {}
os.register_at_fork(after_in_child=_running.clear)


def connect(dialect: Dialect, _record: object, args: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
    """Handle SQLAlchemy's event `do_connect`: connect to the addresses of the hosts. Return None if no host is a name.

    Omits names that are not resolved within CONNECT_TIMEOUT. Raises OperationalError if no host remains.
    """
    hosts = str(parameters.get("host") or "").split(",")
    names = {host for host in hosts if _is_name(host)}
    if not names or parameters.get("hostaddr"):
        return None
    ports = str(parameters.get("port") or "").split(",")
    ports *= len(hosts) if len(ports) == 1 else 1
    addresses = {host: [_address(host)] for host in hosts} | _resolve(names)
    targets = [(host, address, port) for host, port in zip(hosts, ports, strict=True) for address in addresses[host]]
    if not targets:
        raise psycopg2.OperationalError(f"no address of {', '.join(sorted(names))} in time")
    host, address, port = (",".join(values) for values in zip(*targets, strict=True))
    return dialect.connect(*args, **parameters | {"host": host, "hostaddr": address, "port": port})


def _is_name(host: str) -> bool:
    """Whether `host` must be resolved: it is neither a Unix socket nor an address."""
    return bool(host) and not host.startswith(("/", "@")) and not _address(host)


def _address(host: str) -> str:
    """`host` if it is an address, else an empty string, with which libpq uses `host`."""
    try:
        return str(ip_address(host))
    except ValueError:
        return ""


def _resolve(names: set[str]) -> dict[str, list[str]]:
    """The addresses of each name; an empty list for a name that is not resolved within CONNECT_TIMEOUT."""
    lookups = {name: _running.get(name) or _start_lookup(name) for name in names}
    wait(lookups.values(), CONNECT_TIMEOUT)
    return {
        name: lookup.result() if lookup.done() and not lookup.exception() else [] for name, lookup in lookups.items()
    }


def _start_lookup(name: str) -> "Future[list[str]]":
    lookup: Future[list[str]] = Future()
    _running[name] = lookup
    # A daemon thread does not delay the exit of a command.
    Thread(target=_look_up, args=(name, lookup), name=f"resolve {name}", daemon=True).start()
    return lookup


def _look_up(name: str, lookup: "Future[list[str]]") -> None:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        lookup.set_result([str(address[0]) for *_, address in found])
    except (OSError, UnicodeError) as error:  # the name does not exist, or no resolver answers
        lookup.set_exception(error)
    finally:
        _running.pop(name, None)
