"""What the dashboard makes of the numbers and records of the services: shapes and words. No request, no database."""
