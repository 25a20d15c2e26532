"""How gunicorn serves `wsgi:app`, on Heroku and at home. `PORT` and `WEB_CONCURRENCY` (workers) it reads itself."""

from gevent import monkey, wait

monkey.patch_all()  # before a lock is made

import gc
import os
import sys

import psycopg2.extensions
from gunicorn import glogging
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from app.database import revision
from app.ops import logs, metrics, telemetry
from app.serving import connection, worker
from config import ConfigError, load

try:
    _settings = load()
except ConfigError as error:
    # An exception here would be logged as a broken configuration file, with a traceback.
    sys.exit(f"pangeo-forge: {error}")


class Logger(glogging.Logger):
    """gunicorn's own lines in the form of the application's, see app/ops/logs.py."""

    def access(self, *_: object) -> None:
        """Nothing: app/ops/request_log.py has logged the request, and a request that never got there is a warning."""


# A request that waits, for its client or for PostgreSQL, leaves the worker to others. See docs/decisions/0014.
worker_class = worker.Worker
psycopg2.extensions.set_wait_callback(worker.wait_for_database)
# Bytes of the request line and of each header, and the number of headers; more is 414 or 431. There is no setting for
# the sum of them, see HEAD in app/serving/connection.py.
limit_request_line = 8190
limit_request_field_size = 8190
limit_request_fields = 100
# The master loads the application, and workers share that memory.
preload_app = True
# Heroku's router keeps idle connections for 90 seconds; the router, not the dyno, has to be the one to close them.
keepalive = 100
# The router gives up on a request after 30 seconds, and a dyno is killed 30 seconds after SIGTERM.
timeout = 30
graceful_timeout = 25
# Heartbeats go to memory: a slow disk must not look like a hung worker.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
# gunicorn 25 and later would open a control socket under $HOME.
control_socket_disable = True
# Heroku sets FORWARDED_ALLOW_IPS to "*"; PROXY_COUNT decides which proxy headers we trust (app/web/headers.py).
forwarded_allow_ips = ""
logger_class = Logger
logconfig_dict = logs.configuration(deployed=bool(_settings["DEPLOYMENT"]))


def when_ready(master: Arbiter) -> None:
    """Log in one sentence what is wrong with the database, if anything is."""
    revision.report(master.app.wsgi())
    for listener in master.LISTENERS:
        connection.limit_answers(listener.sock)
    # A thread of the master does not go on in a worker, but a greenlet does: limits has one that ends at once.
    wait(timeout=1)
    # What is loaded stays where it is, and so shared: collecting garbage would write to every page of it.
    gc.collect()
    gc.freeze()


def pre_fork(_server: Arbiter, worker: Worker) -> None:
    """Give the worker a region of the memory in which all workers count their requests."""
    metrics.COUNTS.take_region(worker.age)


def post_fork(_server: Arbiter, worker: Worker) -> None:
    telemetry.export(worker.app.wsgi())


def child_exit(_server: Arbiter, worker: Worker) -> None:
    """Give the region of the dead worker to the next one."""
    metrics.COUNTS.release_region(worker.age)
