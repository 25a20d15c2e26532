"""How gunicorn serves the floor in threads, and without a log."""

worker_class = "gthread"
threads = 100
preload_app = True
keepalive = 100
control_socket_disable = True
