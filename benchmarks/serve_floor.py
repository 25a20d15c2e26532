"""How gunicorn serves the floor: as it serves the service, but by its own worker with threads, and without a log."""

worker_class = "gthread"
threads = 100
preload_app = True
keepalive = 100
control_socket_disable = True
