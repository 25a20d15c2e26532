"""The program that opens datasets: the addresses and redirects that it follows, and its limits."""

import asyncio
import os
import pwd

import pytest
from aiohttp import ClientError

from app.repr.program.store import Store, StoreError, codecs, is_public, over_http, require_readable
from tests.support import live, stores

# Our check refuses the address, or aiohttp does so before, because it recognises addresses written as numbers.
REFUSED = r"private|is not a canonical IPv4 address"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    (folder / "plain").mkdir()
    (folder / "plain/0").write_text("0123456789")
    with stores.server(folder) as server:
        yield server


def read(url, trusted=True, key="0", requests=100, **part):
    async def fetch():
        store = Store(url, trusted)
        store.requests = requests
        try:
            return await store._cat_file(key, **part)
        finally:
            await store.close()

    return asyncio.run(fetch())


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({}, b"0123456789"),
        ({"start": 2, "end": 4}, b"23"),
        ({"start": 7}, b"789"),
        ({"start": -2}, b"89"),
        ({"end": 2}, b"01"),
    ],
)
def test_an_object_or_a_part_of_it_is_read(served, part, expected):
    assert read(f"{served.url}/plain", **part) == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "0177.0.0.1", "127.1", "0.0.0.0"])
def test_a_private_address_is_refused_in_every_notation(served, host):
    before = list(served.asked)
    with pytest.raises((StoreError, ClientError), match=REFUSED):
        read(f"http://{host}:{served.port}/plain", trusted=False)
    assert served.asked == before


@pytest.mark.parametrize("kind", stores.PRIVATE)
def test_a_redirect_from_a_trusted_host_to_a_private_address_is_refused(served, kind):
    before = len(served.asked)
    with pytest.raises((StoreError, ClientError), match=REFUSED):
        read(f"{served.url}/{kind}")
    assert served.asked[before:] == [f"/{kind}/0"]


def test_a_redirect_to_another_scheme_is_refused(served):
    with pytest.raises(ValueError, match="absolute"):
        read(f"{served.url}/file")


def test_a_redirect_in_a_circle_ends(served):
    before = len(served.asked)
    with pytest.raises(StoreError, match="unreadable"):
        read(f"{served.url}/circle")
    assert len(served.asked) - before == 6


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        ("nothing", FileNotFoundError, None),
        ("denied", FileNotFoundError, None),
        ("broken", StoreError, "unreachable"),
        (stores.ENDLESS, StoreError, "large"),
    ],
)
def test_a_failed_read_has_a_named_reason(served, kind, error, text):
    with pytest.raises(error, match=text):
        read(f"{served.url}/{kind}")


def test_the_number_of_requests_is_limited(served):
    with pytest.raises(StoreError, match="large"):
        read(f"{served.url}/plain", requests=0)


@pytest.mark.parametrize("key", ["a?b", "a b", "a#b", "//b"])
def test_a_key_cannot_leave_the_path(served, key):
    with pytest.raises(FileNotFoundError):
        read(f"{served.url}/nothing?x=1", key=key)
    assert served.asked[-1].startswith("/nothing/")
    assert served.asked[-1].endswith("?x=1")


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
        *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1"),
        *("fe80::1", "fe80::1%1", "fc00::1", "ff02::1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1"),
    ],
)
def test_private_addresses_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "128.117.1.1", "2606:4700::1111", "2a05:d018::1"])
def test_public_addresses_are_public(address):
    assert is_public(address)


V2 = {"compressor": {"id": "blosc"}, "filters": [{"id": "delta"}]}
SHARDED = {"name": "sharding_indexed", "configuration": {"index_codecs": [{"name": "x"}]}}


@pytest.mark.parametrize(
    ("metadata", "names"),
    [
        ({"metadata": {"t/.zarray": V2}}, ["blosc", "delta"]),
        ({"metadata": {"t/.zarray": {"compressor": None, "filters": None}}}, []),
        ({"metadata": {"t/.zattrs": {"filters": [{"id": "a filter of the instrument"}]}}}, []),
        ({"codecs": [{"name": "bytes"}, "numcodecs.zlib"], "attributes": {"codecs": ["x"]}}, ["bytes", "zlib"]),
        ({"consolidated_metadata": {"metadata": {"t": {"codecs": [SHARDED]}}}}, ["sharding_indexed", "x"]),
        ({"compressor": {"id": "zlib", "name": "pickle"}}, ["zlib", "pickle"]),
    ],
)
def test_the_codecs_of_all_arrays_are_found(metadata, names):
    assert list(codecs(metadata)) == names


def test_pickle_is_not_a_known_codec():
    with pytest.raises(StoreError, match="codec"):
        require_readable({"metadata": {"time/.zarray": {"filters": [{"id": "pickle"}]}}})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://noaa/a b.nc", "https://noaa.s3.amazonaws.com/a%20b.nc"),
        ("gs://noaa/x/a.nc", "https://storage.googleapis.com/noaa/x/a.nc"),
        ("https://data.org/a.nc", "https://data.org/a.nc"),
    ],
)
def test_references_are_read_over_http(url, expected):
    assert str(over_http(url)) == expected


@pytest.mark.parametrize("url", ["file:///etc/passwd", "/etc/passwd", "a.nc", "memory://a", "ftp://data.org/a", ""])
def test_a_reference_to_a_file_or_another_protocol_is_refused(url):
    with pytest.raises(StoreError, match="unreadable"):
        over_http(url)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_root_becomes_a_user_who_cannot_read_the_memory_and_the_environment_of_the_service():
    script = (
        "import os, sys; sys.path.insert(0, 'app/repr'); from program import sandbox; sandbox.drop_privileges();"
        "print(os.getresuid(), os.getgroups(), os.access(f'/proc/{os.getppid()}/environ', os.R_OK))"
    )
    nobody = pwd.getpwnam("nobody").pw_uid
    assert live.python({}, script) == f"{(nobody,) * 3} [] False\n"


def test_the_program_does_not_import_the_service():
    for path in (live.ROOT / "app/repr/program").glob("*.py"):
        assert not any(
            line.startswith(("from app", "import app", "from config")) for line in path.read_text().splitlines()
        )
