"""The resources of the service: one class for each noun."""
