"""How gunicorn serves the floor in greenlets, as it serves the service, and without a log."""

from gevent import monkey

monkey.patch_all()  # before a lock is made

from gevent.socket import wait_read, wait_write
from psycopg2 import extensions

worker_class = "gevent"
preload_app = True
keepalive = 100
control_socket_disable = True


def wait(connection):
    while (state := connection.poll()) != extensions.POLL_OK:
        (wait_read if state == extensions.POLL_READ else wait_write)(connection.fileno())


extensions.set_wait_callback(wait)
