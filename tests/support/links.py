"""The header Link (RFC 8288), as a client reads it."""

import re


def links(response):
    """The pages that the response leads to, by relation."""
    found = re.findall(r'<([^<>]*)>; rel="(\w+)"(?:, |$)', response.headers["Link"])
    return {relation: reference for reference, relation in found}


def walk(client, reference, relation="next"):
    """The pages from `reference` on, each as a response, for as long as there is such a link."""
    for _ in range(100):
        response = client.get(reference)
        assert response.status_code == 200
        yield response
        reference = links(response).get(relation)
        if reference is None:
            return
    raise AssertionError("The links lead in circles.")
