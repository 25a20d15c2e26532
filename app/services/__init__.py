"""Verbs that need more than one table, or hold for every resource. Plain values in, models out; the edge commits."""
