"""Which secrets are masked in logs."""

import base64

import pytest

from app.keys import new_key
from app.services.secrets import PIECE, scrub
from tests.support.apps import ADMIN_KEY, SALT
from tests.support.factories import make_key

WORD = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4"  # 36 letters and digits
JWT = ".".join(("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", WORD))
BODY = base64.b64encode(bytes(range(48))).decode()
PRIVATE = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n{BODY}\n-----END RSA PRIVATE KEY-----"
TOKENS = {
    "our key": new_key(),
    "webhook secret": f"whsec_{WORD}",
    "GitHub": f"ghs_{WORD}",
    "GitHub, fine-grained": f"github_pat_11ABCDEFG0_{WORD}",
    "GitLab": f"glpat-{WORD[:20]}",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "Google OAuth": f"ya29.{WORD}",
    "Google API": f"AIza{WORD[:35]}",
    "Slack": f"xoxb-123456789012-{WORD}",
    "JWT, as of Earthdata": JWT,
    "PyPI": f"pypi-{WORD}{WORD}",
    "Hugging Face": f"hf_{WORD}",
    "npm": f"npm_{WORD}",
    "Docker": f"dckr_pat_{WORD}",
    "Prefect": f"pnu_{WORD}",
    "OpenAI": f"sk-{WORD}",
    "Stripe": f"sk_live_{WORD}",
}
# A line, and what is masked in it.
LINES = {
    "https://user:hunter2@host/data.nc": "user:hunter2",
    "Authorization: Bearer abcdefgh12345678": "abcdefgh12345678",
    "export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG": "wJalrXUtnFEMI/K7MDENG",
    '{"client_secret": "tr0ub4dor"}': "tr0ub4dor",
    r"{\"private_key_id\": \"0123456789ab\"}": "0123456789ab",
    "EARTHDATA_PASSWORD: 'correct-horse'": "correct-horse",
    "accessToken=abcdefg": "abcdefg",
    '"secretAccessKey": "abcdefg"': "abcdefg",
    "export DB_PASSWORD2=ghijklm": "ghijklm",
    "GET https://host/c/b?sv=2020&sig=abc%2Fdef%3D HTTP/1.1": "abc%2Fdef%3D",
    "https://host/x?X-Amz-Signature=0123456789abcdef": "0123456789abcdef",
}
HARMLESS = [
    "Wrote chunk 7 of gs://bucket/pangeo-forge/gpcp.zarr at 35d889f7c89e9f0d72353a0649ed1cd8da04826b",
    "https://data.org/a.nc: 200 OK at 12:30:01",
    "tokens: 1000000",
    "password=None",
    "KeyError: 'time'",
    "botocore.exceptions.NoCredentialsError: Unable to locate credentials",
    "jwt.exceptions.InvalidTokenError: Signature has expired",
    "tokenizer: BertTokenizer",
    "basic characteristics-of-the-data",
    "The server wants a token:\nTraceback (most recent call last):",
    "d41d8cd98f00b204e9800998ecf8427e  day3.nc",
    "task-0123456789abcdefghijklmnop is done",
]


@pytest.fixture(autouse=True)
def context(app):
    with app.app_context():
        yield


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("line", ["{}", "the token '{}' is wrong", "https://host/{}?a=1", "x={},y"])
def test_a_token_is_masked_by_its_form(line, token):
    assert scrub([line.format(token)]) == [line.format("***")]


@pytest.mark.parametrize(("line", "secret"), LINES.items())
def test_a_secret_is_masked_by_what_is_before_it(line, secret):
    assert scrub([line]) == [line.replace(secret, "***")]


@pytest.mark.parametrize("line", HARMLESS)
def test_an_ordinary_line_stays(line):
    assert scrub([line]) == [line]


def test_a_private_key_is_masked_and_the_number_of_lines_stays():
    assert scrub([f"a\n{PRIVATE}\nb", "c"]) == ["a\n***\n\n\n\nb", "c"]
    assert scrub([f"a: {PRIVATE}".replace("\n", r"\n")]) == ["a: ***"]


def test_a_private_key_in_several_lines_of_a_log_is_masked():
    filler = "x" * (PIECE - 10)
    assert scrub([filler, *PRIVATE.split("\n"), "end"]) == [filler, "***", "", "", "", "end"]


def test_the_secrets_of_this_service_are_masked():
    assert scrub([f"salt {SALT} and key hunter2hunter2"], "hunter2hunter2") == ["salt *** and key ***"]


def test_a_short_word_is_not_masked_although_it_is_a_secret():
    assert scrub(["the house"], "the", "") == ["the house"]


def test_a_known_secret_is_masked_as_a_part_of_a_url():
    assert scrub(["https://host/a%2Fb%20c%3Fd"], "a/b c?d") == ["https://host/***"]


def test_a_key_of_the_original_is_masked_but_not_another_hash(app):
    key, other = "0123456789abcdef0123456789ABCDEF", "f" * 32
    make_key(app, key, is_active=False)
    assert scrub([f"{key} {other} {key}"]) == [f"*** {other} ***"]


def test_the_administrators_key_is_masked_if_it_has_the_form_of_a_key(app, monkeypatch):
    assert scrub([ADMIN_KEY]) == [ADMIN_KEY]  # this service knows its digest only
    assert scrub([f"key {ADMIN_KEY}"], ADMIN_KEY) == ["key ***"]


def test_texts_keep_their_number_and_order():
    texts = [f"line {number}" for number in range(20_000)] + ["", "\n", ""]
    assert scrub(texts) == texts
    assert scrub([]) == []
