"""What every route gets: blueprint, parser, pagination, auth, limits, headers, error handlers and the like."""
