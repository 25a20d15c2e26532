"""gunicorn's worker with deadlines for connections, and its error pages."""
