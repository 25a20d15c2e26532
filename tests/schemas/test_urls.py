"""One rule says what an address of the web is, for the fields of requests and for the links of the dashboard."""

import re

import pytest
from marshmallow import ValidationError

from app.dashboard.words import web_url
from app.schemas.bakeries import BakeryUpdate
from app.schemas.feedstock_metadata import FeedstockMetadataWrite
from app.schemas.recipe_runs import RecipeRunUpdate

WRONG = "Must be a URL that begins with https:// or http://."
FIELDS = [(RecipeRunUpdate, "external_url"), (FeedstockMetadataWrite, "thumbnail_url"), (BakeryUpdate, "log_url")]
REFUSED = [
    *("https://a\x01b/", "https://h/\x7f", "https://h/\n", "https://h b/", " https://h/", "https://?x", "https://#x"),
    *("https://", "https:/h/", "https://[", "https://a]/", "javascript:alert(1)", "//a.org/", "ftp://a.org/", "a"),
]
ACCEPTED = [
    *("https://a.org", "https://a.org/", "https://a.org:8080/x", "https://[2001:db8::1]/x", "https://münchen.de/☂"),
    *("https://a.org/[x]|^`'\"<>\\%zz", "https://a.org/~u;v=1,2?q=a&b[]=c#/d?e", "https://a_b.org//x", "https://x./"),
]


@pytest.mark.parametrize(("schema", "name"), FIELDS)
@pytest.mark.parametrize("url", REFUSED)
def test_what_is_no_address_of_the_web_is_refused(schema, name, url):
    with pytest.raises(ValidationError) as caught:
        schema().load({name: url}, partial=True)
    expected = WRONG if name != "log_url" else "Must be a URL that begins with https:// and a host."
    assert caught.value.messages == {name: [expected]}
    assert web_url(url) is None


@pytest.mark.parametrize(("schema", "name"), FIELDS)
@pytest.mark.parametrize("url", ACCEPTED)
def test_unusual_addresses_of_the_web_are_accepted(schema, name, url):
    assert schema().load({name: url}, partial=True)[name] == url
    assert web_url(url) == url


@pytest.mark.parametrize("url", ["https://h/a b", "https://logs.org/?q=run AND {run_id}", "https://h/#a b "])
def test_a_blank_behind_the_host_of_a_log_is_accepted_and_linked_as_browsers_send_it(url):
    assert BakeryUpdate().load({"log_url": url}, partial=True) == {"log_url": url}
    assert web_url(url) == url.replace(" ", "%20")


@pytest.mark.parametrize(("schema", "name"), FIELDS[:2])
def test_an_address_with_a_blank_is_refused(schema, name):
    with pytest.raises(ValidationError, match=re.escape(WRONG)):
        schema().load({name: "https://h/a b"}, partial=True)


@pytest.mark.parametrize(("schema", "name"), FIELDS[:2])
def test_an_address_with_a_password_is_refused(schema, name):
    with pytest.raises(ValidationError, match="because everyone can read it"):
        schema().load({name: "https://user:password@a.org/"}, partial=True)
