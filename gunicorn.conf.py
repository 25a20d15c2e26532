"""How gunicorn serves `wsgi:app`, on Heroku and at home. `PORT` and `WEB_CONCURRENCY` (workers) it reads itself."""

import ctypes
import gc
import os
import re
import sys
from contextlib import suppress

from gunicorn import glogging, http, util
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from config import ConfigError, load, share_metrics

try:
    _settings = load()
except ConfigError as error:
    # An exception here would be logged as a broken configuration file, with a traceback.
    sys.exit(f"pangeo-forge: {error}")
share_metrics()

from prometheus_client.multiprocess import mark_process_dead  # noqa: E402  # it looks for that folder when imported

from app import logs, readiness, server, worker  # noqa: E402  # they import it

M_ARENA_MAX = -8  # <malloc.h>


class Logger(glogging.Logger):
    """gunicorn's own lines in the form of the application's, see app/logs.py."""

    def access(self, *_: object) -> None:
        """Nothing: app/observing.py has logged the request, and a request that never got there is a warning."""

    def warning(self, msg: str, *args: object, **kwargs: object) -> None:
        """Of a request that is refused say why, but do not repeat what it says: there may be a key in it."""
        reason = re.sub(r"(?s)^(Invalid request from ip=\S+: [^:]*): .*", r"\1", msg)
        super().warning(reason, *args, **kwargs)


# Many threads, made as they are needed, for few connections: whoever waits for the database, or for a slow client,
# leaves a thread to others, and only in a thread can one give up waiting. See docs/decisions/0014.
worker_class = worker.Worker
threads = _settings["THREADS"]
# Bytes of the request line and of each header, and how many headers there may be; more is 414 or 431.
limit_request_line = 8190
limit_request_field_size = 8190
limit_request_fields = 100
# There is no setting for how long a client may take to send a head.
http.RequestParser = server.Parser
post_request = server.post_request
# There is no setting for gunicorn's error pages, which are HTML and have no headers.
util.write_error = server.write_problem
# Nor for where it waits for clients to close their side.
util.close_graceful = server.close
# Workers share the memory of what is loaded.
preload_app = True
# glibc would give each thread a heap of its own, which stays as large as its largest answer; it is not everywhere.
with suppress(AttributeError):
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)
# Heroku's router keeps idle connections for 90 seconds; the router, not the dyno, has to be the one to close them.
keepalive = 100
# The router gives up on a request after 30 seconds, and a dyno is killed 30 seconds after SIGTERM.
timeout = 30
graceful_timeout = 25
# Heartbeats go to memory: a slow disk must not look like a hung worker.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
# gunicorn 25 and later would open a control socket under $HOME.
control_socket_disable = True
# Heroku sets FORWARDED_ALLOW_IPS to "*"; here PROXY_COUNT decides which proxy headers to believe, see app/http.py.
forwarded_allow_ips = ""
logger_class = Logger
logconfig_dict = logs.configuration(deployed=bool(_settings["DEPLOYMENT"]))


def when_ready(master: Arbiter) -> None:
    """Log in one sentence what is wrong with the database, if anything is."""
    readiness.report(master.app.wsgi())
    for listener in master.LISTENERS:
        server.limit_answers(listener.sock)
    # What is loaded stays where it is, and so shared: collecting garbage would write to every page of it.
    gc.collect()
    gc.freeze()
    mark_process_dead(master.pid)  # type: ignore[no-untyped-call]  # the connection that took is none of a worker's


def child_exit(_server: Arbiter, worker: Worker) -> None:
    """A dead worker holds no connections; the requests it answered still count."""
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # it has no types yet
