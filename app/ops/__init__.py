"""What operators see of the service: logs, metrics, the request log, telemetry, the doctor."""
