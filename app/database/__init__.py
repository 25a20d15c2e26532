"""What every table gets: the engine, statements, record, columns, indexes, rows, pages, filters, deadline, revision."""
