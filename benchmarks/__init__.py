"""`make bench` measures the service and writes docs/contributing/performance.md."""
