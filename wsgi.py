"""The WSGI application: `gunicorn wsgi:app`, `flask …`."""

from app import cli, create_app
from config import ConfigError, load

try:
    settings = load()
except ConfigError as error:
    app = cli.without_settings(f"pangeo-forge: {error}")
else:
    app = create_app(settings)
