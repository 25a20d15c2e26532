"""How gunicorn serves `wsgi:app`, on Heroku and at home. `WEB_CONCURRENCY` (workers) is gunicorn's own variable."""

import os

from gunicorn.arbiter import Arbiter

from app import readiness
from config import threads as threads_per_worker

# Threads let one worker serve others while a statement runs; the connection pool has one connection for each.
worker_class = "gthread"
threads = threads_per_worker(os.environ)
# Configuration errors stop the master with one sentence, and workers share the memory of what is loaded.
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
# The application decides by PROXY_COUNT which proxy headers to believe, see app/http.py.
forwarded_allow_ips = ""
accesslog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s bytes %(M)s ms request_id=%({x-request-id}o)s'


def when_ready(server: Arbiter) -> None:
    """Log in one sentence what is wrong with the database, if anything is."""
    readiness.report(server.app.wsgi())
