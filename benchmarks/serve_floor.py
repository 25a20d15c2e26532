"""How gunicorn serves the floor: as it serves the service, but by its own worker, and without a log."""

from pathlib import Path
from runpy import run_path

SAME = (
    *("threads", "preload_app", "keepalive", "timeout", "worker_tmp_dir", "control_socket_disable"),
    "logconfig_dict",  # as app/logs.py leaves out what gunicorn's own lines begin with
    "post_request",  # without which its parser is not whole
)

_service = run_path(str(Path(__file__).parent.parent / "gunicorn.conf.py"))
globals().update({name: _service[name] for name in SAME})
worker_class = "gthread"
