"""The id of a recipe in the path of its page.

Ids are any text: many have slashes. What a browser or a proxy would change in a path (slashes at the ends or next to
each other, parts that are dots) has a second escape in the decoded path, such as %2F.
"""

import re
from urllib.parse import quote, unquote

from werkzeug.routing import BaseConverter

FRAGILE = re.compile(r"%|^/|/\Z|(?<=/)/|(?<![^/])\.(?=\.?(?:/|\Z))|[\x00-\x20\x7f]")


class RecipeConverter(BaseConverter):
    """Any text, without a slash at its end: pages have the same address with and without one."""

    regex = r"[\s\S]*[^/]/?"
    part_isolating = False
    weight = 200

    def to_python(self, value: str) -> str:
        return unquote(value.removesuffix("/"))

    def to_url(self, value: str) -> str:
        return quote(FRAGILE.sub(lambda found: f"%{ord(found[0]):02X}", value), safe="/:@!$&'()*+,;=~")
