"""Settings of gunicorn for the floor: threads, and no log."""

worker_class = "gthread"
threads = 100
preload_app = True
keepalive = 100
control_socket_disable = True
