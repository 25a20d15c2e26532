"""What the tests of our own client share: a client of an application, and a network that fails."""

import os
import sys
from contextlib import contextmanager

import httpx

from pangeo_forge_client import Client, Retries
from tests.support.apps import ADMIN_KEY
from tests.support.live import ROOT

WHEEL = ROOT / ".venv/client/bin"  # where `make client` has installed the wheel
WITHOUT_WHEEL = "our own client is not installed: run `make client`"
SERVER = "http://service"
REFUSED = httpx.ConnectError("Connection refused")  # before a request is sent
LOST = httpx.ReadError("Connection reset by peer")  # after the service has carried out the request


class Network(httpx.BaseTransport):
    """Leads to an application. The first requests have `faults`: an error, or an answer of somebody else; None is none.

    `sent` are the requests.
    """

    def __init__(self, app, *faults):
        self.service, self.faults, self.sent = httpx.WSGITransport(app=app), list(faults), []

    def handle_request(self, request):
        self.sent.append(request)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, httpx.Response):
            return fault
        if fault is REFUSED:
            raise fault
        response = self.service.handle_request(request)
        if fault:
            raise fault
        return response


@contextmanager
def connected(app, *faults, key=ADMIN_KEY, **options):
    """A client of `app`, and its network with these `faults`. It does not wait between attempts."""
    network = Network(app, *faults)
    options = {"retries": Retries(sleep=lambda _seconds: None), **options}
    with Client(SERVER, key, transport=network, **options) as forge:
        yield forge, network


def in_path(folder):
    """A PATH that begins with a folder in which the command `pangeo-forge` is, from the sources."""
    program = folder / "bin" / "pangeo-forge"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT / "client"} exec {sys.executable} -m pangeo_forge_client "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"
