"""The WSGI application: `gunicorn wsgi:app`, `flask …`."""

import sys

from app import create_app
from config import ConfigError, load

try:
    app = create_app(load())
except ConfigError as error:
    sys.exit(f"pangeo-forge: {error}")
