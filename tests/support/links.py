"""Parsing of the header Link (RFC 8288), like a client."""

import re


def links(response):
    """The links of the response, by relation."""
    found = re.findall(r'<([^<>]*)>; rel="(\w+)"(?:, |$)', response.headers["Link"])
    return {relation: reference for reference, relation in found}


def follow(client, reference, relation="next"):
    """The responses to `reference` and to all pages that follow it by the links of that relation."""
    for _ in range(100):
        response = client.get(reference)
        assert response.status_code == 200
        yield response
        reference = links(response).get(relation)
        if reference is None:
            return
    raise AssertionError("The links lead in circles.")
