"""No update is lost: of eight writers with one ETag exactly one is served, a thousand times."""

from tests.web.test_preconditions import rounds_of_eight_writers


def test_one_of_eight_writers_is_served_in_each_of_a_thousand_rounds(migrated_url, patient):
    assert rounds_of_eight_writers(migrated_url, patient(migrated_url), 1000) == {((200, 1), (412, 7)): 1000}
