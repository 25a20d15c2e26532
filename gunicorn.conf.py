"""The settings of gunicorn, which serves `wsgi:app`. It reads `PORT` and `WEB_CONCURRENCY` (workers) itself."""

from gevent import monkey, wait

monkey.patch_all()  # before other modules create locks

import gc
import os
import sys

import psycopg2.extensions
from gunicorn import glogging
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker
from sqlalchemy.orm import configure_mappers

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
    """gunicorn's logger without its log of requests. `logconfig_dict` sets the format."""

    def access(self, *_: object) -> None:
        """Log nothing: app/ops/request_log.py logs requests, and app/serving/worker.py malformed requests."""


# While a request waits for its client or for PostgreSQL, the worker runs others. See docs/decisions/0014.
worker_class = worker.Worker
psycopg2.extensions.set_wait_callback(worker.wait_for_database)
# The maximum bytes of the request line and of each header, and the number of headers; beyond it, the answer is 414 or
# 431. gunicorn has no setting for the sum, see HEAD_MAX in app/serving/connection.py.
limit_request_line = 8190
limit_request_field_size = 8190
limit_request_fields = 100
# The master loads the application, and workers share that memory.
preload_app = True
# Heroku's router closes idle connections after 90 seconds. It must close them first, not the dyno.
keepalive = 100
# The router times out after 30 seconds, and Heroku kills a dyno 30 seconds after SIGTERM.
timeout = 30
graceful_timeout = 25
# Heartbeats are written to memory: otherwise a slow disk would look like a hung worker.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
# gunicorn 25 and later would open a control socket under $HOME.
control_socket_disable = True
# Heroku sets FORWARDED_ALLOW_IPS to "*"; PROXY_COUNT decides which proxy headers we trust (app/web/headers.py).
forwarded_allow_ips = ""
logger_class = Logger
logconfig_dict = logs.configuration(deployed=bool(_settings["DEPLOYMENT"]))


def when_ready(master: Arbiter) -> None:
    """Log what is wrong with the database, configure the listening sockets, and prepare the memory for forks."""
    app = master.app.wsgi()
    revision.report(app)
    # A worker would configure and compile these during its first requests, and serve no others meanwhile.
    configure_mappers()
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    for listener in master.LISTENERS:
        connection.limit_answers(listener.sock)
    # Greenlets of the master would continue in each worker. The package limits starts one, which ends at once.
    wait(timeout=1)
    # Exclude loaded objects from garbage collection, which would write to every page of memory that workers share.
    gc.collect()
    gc.freeze()


def pre_fork(_server: Arbiter, worker: Worker) -> None:
    """Assign a region of shared memory to the worker, in which it counts its requests."""
    metrics.COUNTS.assign_region(worker.age)


def post_fork(_server: Arbiter, worker: Worker) -> None:
    telemetry.export(worker.app.wsgi())


def child_exit(_server: Arbiter, worker: Worker) -> None:
    """Release the region of the dead worker, so that the next worker can use it."""
    metrics.COUNTS.release_region(worker.age)
