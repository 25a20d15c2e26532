"""Tools for operators: logs, the request log, metrics, telemetry and `flask doctor`."""
