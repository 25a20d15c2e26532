"""The id of a recipe in the path of its page.

Ids are any text: many have slashes. What a browser or a proxy would change in a path (slashes at the ends or next to
each other, parts that are dots) has a second escape in the decoded path, such as %2F.
"""

import re
from urllib.parse import quote, unquote

from werkzeug.routing import BaseConverter, ValidationError

FRAGILE = re.compile(r"%|^/|/\Z|(?<=/)/|(?<![^/])\.(?=\.?(?:/|\Z))|[\x00-\x20\x7f]")


class RecipeConverter(BaseConverter):
    """Any text without NUL, which no run can have, and without a slash at its end: pages have the same address with
    and without one.
    """

    regex = r"[\s\S]*[^/]/?"
    part_isolating = False
    weight = 200

    def to_python(self, value: str) -> str:
        recipe_id = unquote(value.removesuffix("/"))
        if "\0" in recipe_id:
            raise ValidationError
        return recipe_id

    def to_url(self, value: str) -> str:
        return quote(FRAGILE.sub(lambda found: f"%{ord(found[0]):02X}", value), safe="/:@!$&'()*+,;=~")
