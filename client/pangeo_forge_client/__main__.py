"""`python -m pangeo_forge_client` is the command `pangeo-forge`."""

from pangeo_forge_client.command import run

run()
