"""No update is lost: one of eight writers with the same ETag is served, in each of a thousand rounds."""

from tests.web.test_preconditions import rounds_of_eight_writers


def test_one_of_eight_writers_is_served_in_each_of_a_thousand_rounds(migrated_url, long_timeouts):
    assert rounds_of_eight_writers(migrated_url, long_timeouts(migrated_url), 1000) == {((200, 1), (412, 7)): 1000}
