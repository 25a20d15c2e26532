"""Access to the database that is the same for all models: connections, statements, columns, lists, limits, revision."""
