"""A server of buckets on loopback. It sends parts of objects, lists them, and says what web pages may read."""

import hashlib
import re
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import numpy
import pandas
import xarray

CLOSED = "closed"  # the bucket that can neither be listed nor be read by web pages
DAYS = {"units": "days since 2000-01-01"}


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if "list-type" in query and CLOSED not in path:
            self.send(200, listing(Path(self.directory) / path.strip("/"), query["prefix"][0], "delimiter" in query))
        elif not (file := Path(self.directory) / path.lstrip("/")).is_file():
            self.send(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self.send_part(file.read_bytes())

    def send_part(self, data):
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if part is None:
            return self.send(200, data)
        start, end = int(part[1]), min(int(part[2] or len(data)), len(data) - 1)
        return self.send(206, data[start : end + 1], {"Content-Range": f"bytes {start}-{end}/{len(data)}"})

    def send(self, status, body, headers=()):
        self.send_response(status)
        open_to_all = "Origin" in self.headers and not self.path.startswith(f"/{CLOSED}")
        allowed = {"Access-Control-Allow-Origin": "*"} if open_to_all else {}
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'  # Icechunk requires one
        for name, value in {"Content-Length": str(len(body)), "ETag": etag, **allowed, **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def listing(bucket, prefix, is_flat):
    """The first page of a list of the API of S3, of the objects or of the folders directly below `prefix`."""
    files = [file for file in bucket.rglob("*") if file.is_file()]
    keys = sorted(key for key in (str(file.relative_to(bucket)) for file in files) if key.startswith(prefix))
    sizes = {key: (bucket / key).stat().st_size for key in keys}
    parts = {key: key.removeprefix(prefix).partition("/") for key in keys}
    folders = sorted({f"{prefix}{name}/" for name, slash, _ in parts.values() if slash}) if is_flat else []
    objects = [key for key in keys if not is_flat or not parts[key][1]]
    body = "".join(f"<Contents><Key>{escape(key)}</Key><Size>{sizes[key]}</Size></Contents>" for key in objects)
    body += "".join(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in folders)
    start = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>'
    return f"{start}{body}</ListBucketResult>".encode()


@contextmanager
def server(folder):
    """A server of the buckets in `folder`: its `host`, its `url` and the requested paths (`asked`)."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as httpd:
        httpd.daemon_threads, httpd.asked = True, []
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{httpd.server_port}"
        try:
            yield SimpleNamespace(host=host, url=f"http://{host}", asked=httpd.asked, folder=Path(folder))
        finally:
            httpd.shutdown()


def globe(times=3, **attributes):
    """A dataset of the whole globe with longitudes from 0 to 360, and with land where the values are missing."""
    latitudes, longitudes = numpy.arange(-85.0, 90, 10), numpy.arange(5.0, 360, 10)
    values = numpy.cos(numpy.radians(latitudes))[:, None] * numpy.ones(longitudes.size)
    values[8:10, 3:9] = numpy.nan
    sst = numpy.repeat(values[None], times, axis=0).astype("f4")
    facts = {"units": "degC", "standard_name": "sea_surface_temperature", "long_name": "Sea surface temperature"}
    return xarray.Dataset(
        {"sst": (("time", "lat", "lon"), sst, facts)},
        {
            "time": ("time", numpy.arange(times), DAYS),
            "lat": ("lat", latitudes, {"units": "degrees_north"}),
            "lon": ("lon", longitudes, {"units": "degrees_east"}),
        },
        {"title": "Sea surface", "version": numpy.int16(2), **attributes},
    )


def table(rows=50):
    """A table of places and times."""
    times = pandas.date_range("2020-01-01", periods=rows, freq="D")
    places = {"lat": numpy.linspace(-3, 4, rows), "lon": numpy.linspace(10, 20, rows)}
    return pandas.DataFrame({"time": times, **places, "name": ["a"] * rows})
