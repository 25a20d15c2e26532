"""Operations on the records of a noun that need more than one table, and the rules that they follow.

They do not commit; routes and commands do.
"""
