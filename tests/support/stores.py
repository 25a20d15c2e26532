"""A server on loopback with Zarr stores, and with addresses that are not valid stores."""

import json
import pickle
import threading
import warnings
from base64 import b64encode
from contextlib import contextmanager, suppress
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
            with suppress(ConnectionError):  # the client reads only the start of a large file
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


def write_months(folder):
    """Write a store whose times have units that xarray cannot decode."""
    alter(folder, "months.zarr")
    path = folder / "months.zarr/.zmetadata"
    consolidated = json.loads(path.read_text())
    consolidated["metadata"]["time/.zattrs"] |= {"units": "months since 1990-01-01", "calendar": "standard"}
    path.write_text(json.dumps(consolidated))
    (folder / "months.zarr/time/0").write_bytes((folder / "v2.zarr/time/0").read_bytes())


def write_references(folder, url):
    """Write Kerchunk references to the chunks of v2.zarr, of version 1, and others that lead elsewhere."""
    store = folder / "v2.zarr"
    refs = {name: (store / name).read_text() for name in (".zgroup", ".zattrs", "time/.zarray", "time/.zattrs")}
    size = (store / "time/0").stat().st_size
    targets = {
        "version-1.json": {"time/0": ["{{u}}/v2.zarr/time/0", 0, size]},
        "inline.json": {"time/0": "base64:" + b64encode((store / "time/0").read_bytes()).decode()},
        "private.json": {"time/0": [f"{url.replace('127.0.0.1', 'localhost')}/v2.zarr/time/0"]},
        "file.json": {"time/0": [f"file://{store}/time/0"]},
        "path.json": {"time/0": [f"{store}/time/0"]},
    }
    for name, chunk in targets.items():
        (folder / name).write_text(json.dumps({"version": 1, "templates": {"u": url}, "refs": refs | chunk}))
    (folder / "version-0.json").write_text(json.dumps(refs | {"time/0": [f"{url}/v2.zarr/time/0", 0, size]}))


def write_other_files(folder):
    (folder / "classic.nc").write_bytes(b"CDF\x01" + bytes(100))
    (folder / "hdf5.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(2**25))
    (folder / "page.html").write_text("<html></html>")
    (folder / "references.parq").mkdir()
    (folder / "references.parq/.zmetadata").write_text(
        '{"metadata": {".zgroup": {"zarr_format": 2}}, "record_size": 10}'
    )
    alter(folder, "codec.zarr", compressor={"id": "unknown"})


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
