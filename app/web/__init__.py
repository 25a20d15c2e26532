"""What every route gets: blueprint, parser, pagination, documents, preconditions, auth, limits, headers, problems."""
