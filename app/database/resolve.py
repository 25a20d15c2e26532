"""Host names of PostgreSQL are resolved in time, and beside whatever else the process does.

libpq resolves them by itself, in C: a resolver that hangs would stop a worker with all its greenlets, for as long as
that takes. It skips that for hosts whose addresses it is given, and still verifies certificates by name.
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

# What is being looked up. Those who ask for the same name wait for the same answer, so that a resolver that hangs does
# not collect threads. A fork has none of them.
_under_way: dict[str, Future[list[str]]] = {}
os.register_at_fork(after_in_child=_under_way.clear)


def connect(dialect: Dialect, _record: object, args: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
    """SQLAlchemy's event `do_connect`: a connection to the addresses of the hosts, or None if no host has a name.

    Names that cannot be resolved within CONNECT_TIMEOUT are left out. Raises OperationalError if no host remains.
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
    """Whether a resolver is asked: not for a socket of this machine, and not for an address."""
    return bool(host) and not host.startswith(("/", "@")) and not _address(host)


def _address(host: str) -> str:
    """`host` if it is an address, else nothing, which makes libpq use the host itself."""
    try:
        return str(ip_address(host))
    except ValueError:
        return ""


def _resolve(names: set[str]) -> dict[str, list[str]]:
    """The addresses of those names, none of a name that has none or whose are not known after CONNECT_TIMEOUT."""
    lookups = {name: _under_way.get(name) or _look_up(name) for name in names}
    wait(lookups.values(), CONNECT_TIMEOUT)
    return {
        name: lookup.result() if lookup.done() and not lookup.exception() else [] for name, lookup in lookups.items()
    }


def _look_up(name: str) -> "Future[list[str]]":
    lookup: Future[list[str]] = Future()
    _under_way[name] = lookup
    # As a daemon, it does not keep a command from its end.
    Thread(target=_ask, args=(name, lookup), name=f"resolve {name}", daemon=True).start()
    return lookup


def _ask(name: str, lookup: "Future[list[str]]") -> None:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        lookup.set_result([str(address[0]) for *_, address in found])
    except (OSError, UnicodeError) as error:  # there is no such name, or nobody to ask
        lookup.set_exception(error)
    finally:
        _under_way.pop(name, None)
