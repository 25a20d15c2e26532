"""What the process may use, and as which user it runs."""

import os
import pwd
import resource
import signal
from contextlib import suppress

import xarray

MEMORY = 640 * 1024**2  # bytes of address space; the libraries reserve 330 MiB of it and use 100 MiB
INSPECTION_MEMORY = 1024**3  # bytes; chunks of variables are read too


def limit_resources(seconds: int, memory: int = MEMORY) -> None:
    """Limit memory, CPU time and files, and end the process after `seconds` even if the service has crashed."""
    os.nice(10)
    signal.alarm(seconds + 1)
    for kind, most in {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }.items():
        resource.setrlimit(kind, (most, most))


def drop_privileges() -> None:
    """Become the user `nobody` if this is root, so that hostile data cannot read the files of the service.

    That user may not be able to read the installed packages either, so what they load late is loaded before.
    """
    if os.geteuid() == 0:
        # This loads the style sheet, and dask if it is installed.
        xarray.decode_cf(xarray.Dataset({"time": ("time", [0], {"units": "days since 2000-01-01"})}))._repr_html_()
        with suppress(KeyError, OSError):  # a container may have no such user, or not allow to become one
            user = pwd.getpwnam("nobody")
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
