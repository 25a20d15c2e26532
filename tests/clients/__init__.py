"""Clients that other programs generate from the OpenAPI document read every list of a running service."""
