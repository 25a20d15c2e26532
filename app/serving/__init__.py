"""What gunicorn needs from us."""
