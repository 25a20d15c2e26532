"""A server on loopback with Zarr stores, and with addresses that are not valid stores."""

import json
import pickle
import threading
import warnings
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy
import xarray
from zarr.errors import ZarrUserWarning

TAGS = r"<script>alert(1)<\script><img src=x onerror=alert(1)>"  # names in Zarr must not contain a slash
PRIVATE = {
    "metadata-of-the-cloud": "http://169.254.169.254/latest/{key}",
    "number": "http://2130706433:{port}/v2.zarr/{key}",
    "hexadecimal": "http://0x7f.1:{port}/v2.zarr/{key}",
    "name": "http://localhost:{port}/v2.zarr/{key}",
    "every-address": "http://0.0.0.0:{port}/v2.zarr/{key}",
    "version-6": "http://[::1]:{port}/v2.zarr/{key}",
    "mapped": "http://[::ffff:127.0.0.1]:{port}/v2.zarr/{key}",
}
REDIRECTS = PRIVATE | {
    "moved": "/v2.zarr/{key}",
    "file": "file:///etc/passwd",
    "circle": "/circle/{key}",
}
STATUSES = {"denied": 403, "broken": 500}
ENDLESS, HANGING = "endless", "hanging"


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        kind, _, key = self.path.removeprefix("/").partition("/")
        if kind in REDIRECTS:
            self.send_response(302)
            self.send_header("Location", REDIRECTS[kind].format(key=key, port=self.server.server_port))
            self.end_headers()
        elif kind in STATUSES:
            self.send_error(STATUSES[kind])
        elif kind == ENDLESS:
            self.send_endlessly()
        elif kind == HANGING:
            self.server.stopping.wait(60)
        else:
            super().do_GET()

    def send_endlessly(self):
        self.send_response(200)
        self.end_headers()
        while not self.server.stopping.is_set():
            try:
                self.wfile.write(b" " * 2**16)
            except OSError:  # the client has closed the connection
                break

    def log_message(self, *_):
        pass


@contextmanager
def server(folder):
    """A server of `folder` and of the kinds above: its `host`, its `url` and the requested paths (`asked`)."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as httpd:
        httpd.daemon_threads, httpd.asked, httpd.stopping = True, [], threading.Event()
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{httpd.server_port}"
        try:
            yield SimpleNamespace(host=host, url=f"http://{host}", port=httpd.server_port, asked=httpd.asked)
        finally:
            httpd.stopping.set()
            httpd.shutdown()


def write_stores(folder):
    days = ("time", numpy.arange(3), {"units": "days since 2000-01-01", "calendar": "noleap"})
    plain = xarray.Dataset({"precip": ("time", numpy.zeros(3))}, {"time": days}, {"title": "GPCP"})
    plain.to_zarr(folder / "v2.zarr", zarr_format=2, consolidated=True)
    with warnings.catch_warnings():
        # The specification of Zarr 3 does not have consolidated metadata yet.
        warnings.simplefilter("ignore", ZarrUserWarning)
        plain.to_zarr(folder / "v3.zarr", zarr_format=3, consolidated=True)
    plain.to_zarr(folder / "unconsolidated.zarr", zarr_format=2, consolidated=False)
    named = {TAGS: (TAGS, numpy.array([TAGS, TAGS]))}
    variable = ((TAGS,), numpy.zeros(2), {TAGS: TAGS, "units": TAGS})
    xarray.Dataset({f"v{TAGS}": variable}, named, {TAGS: TAGS}).to_zarr(
        folder / "tags.zarr", zarr_format=2, consolidated=True
    )
    alter(folder, "vast.zarr", shape=[10**11], chunks=[10**11])
    wordy = xarray.Dataset(attrs={"history": "x" * 2**20})
    wordy.to_zarr(folder / "wordy.zarr", zarr_format=2, consolidated=True)


def write_pickle(folder, target):
    """Write a store that creates the file `target` if a reader unpickles it."""

    class Trap:
        def __reduce__(self):
            return open, (str(target), "w")

    alter(folder, "pickle.zarr", filters=[{"id": "pickle"}], compressor=None)
    (folder / "pickle.zarr/time/0").write_bytes(pickle.dumps([Trap()]))


def alter(folder, name, **changes):
    """Write a copy of v2.zarr that has only its coordinate, with other metadata."""
    consolidated = json.loads((folder / "v2.zarr/.zmetadata").read_text())
    for key in ("precip/.zarray", "precip/.zattrs"):
        del consolidated["metadata"][key]
    consolidated["metadata"]["time/.zarray"] |= changes
    (folder / name / "time").mkdir(parents=True)
    (folder / name / ".zmetadata").write_text(json.dumps(consolidated))
    for file in (".zgroup", ".zattrs"):
        (folder / name / file).write_bytes((folder / "v2.zarr" / file).read_bytes())
