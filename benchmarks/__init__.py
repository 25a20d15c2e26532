"""`make bench` measures the service and writes docs/performance.md."""
