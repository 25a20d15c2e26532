"""The sentence about an unknown field or parameter."""


def unknown(name, near=None, *, of="fields"):
    """The sentence for `name`, which is not one of the `fields` or `parameters`; `near` is the nearest of them."""
    guess = f"Did you mean {near}? " if near else ""
    return f"{name}: Unknown field. {guess}/docs lists the {of}."
