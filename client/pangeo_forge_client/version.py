"""The version of this release. It is that of the service with which it was tested."""

__version__ = "1.0.0"
