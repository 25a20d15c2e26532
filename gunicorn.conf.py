"""How gunicorn serves `wsgi:app`, on Heroku and at home. `PORT` and `WEB_CONCURRENCY` (workers) it reads itself."""

import os
import sys

from gunicorn import util
from gunicorn.arbiter import Arbiter

from app import readiness, server
from config import ConfigError, load

try:
    _settings = load()
except ConfigError as error:
    # An exception here would be logged as a broken configuration file, with a traceback.
    sys.exit(f"pangeo-forge: {error}")

# Threads let one worker serve others while a statement runs; each has a connection of the pool for itself.
worker_class = "gthread"
threads = _settings["SQLALCHEMY_ENGINE_OPTIONS"]["pool_size"]
# Bytes of the request line and of each header, and how many headers there may be; more is 414 or 431.
limit_request_line = 8190
limit_request_field_size = 8190
limit_request_fields = 100
pre_request, post_request = server.pre_request, server.post_request
# There is no setting for gunicorn's error pages, which are HTML and have no headers.
util.write_error = server.write_problem
# Workers share the memory of what is loaded.
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
# Heroku sets FORWARDED_ALLOW_IPS to "*"; here PROXY_COUNT decides which proxy headers to believe, see app/http.py.
forwarded_allow_ips = ""
accesslog = "-"
# %(h)s is REMOTE_ADDR after the application has replaced the router's address in it by the client's.
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s bytes %(M)s ms request_id=%({x-request-id}o)s'


def when_ready(server: Arbiter) -> None:
    """Log in one sentence what is wrong with the database, if anything is."""
    readiness.report(server.app.wsgi())
