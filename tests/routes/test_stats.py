import pytest

from tests.support.factories import make_bakery, make_feedstock, make_run

URL = {"dataset_public_url": "https://data.org/a.zarr"}


@pytest.mark.parametrize(("noun", "count"), [("recipe_runs", 2), ("bakeries", 3), ("feedstocks", 4), ("datasets", 1)])
def test_each_count_counts_its_own_table(app, client, noun, count):
    make_run(app)
    make_run(app, feedstock_id=make_feedstock(app).id, **URL)
    make_bakery(app)
    make_feedstock(app)
    make_feedstock(app)
    assert client.get(f"/stats/{noun}").get_data() == f'{{"count":{count}}}'.encode()


@pytest.mark.parametrize("noun", ["recipe_runs", "bakeries", "feedstocks", "datasets"])
def test_each_count_without_records_is_zero(client, noun):
    assert client.get(f"/stats/{noun}").json == {"count": 0}


@pytest.mark.parametrize(
    ("state", "with_tests", "without"),
    [
        ({"status": "completed", "conclusion": "success"}, 1, 1),
        ({"status": "completed", "conclusion": "success", "is_test": True}, 1, 0),
        ({"status": "completed", "conclusion": "failure"}, 1, 0),
        ({"status": "in_progress"}, 1, 0),
        ({"status": "completed", "conclusion": "success", "dataset_public_url": None}, 0, 0),
    ],
)
def test_the_count_of_datasets_can_exclude_test_runs(app, client, state, with_tests, without):
    make_run(app, **URL | state)
    assert client.get("/stats/datasets").json == {"count": with_tests}
    assert client.get("/stats/datasets?exclude_test_runs=false").json == {"count": with_tests}
    assert client.get("/stats/datasets?exclude_test_runs=true").json == {"count": without}


@pytest.mark.parametrize(("word", "count"), [("true", 0), ("True", 0), ("1", 0), ("false", 1), ("False", 1), ("0", 1)])
def test_a_flag_accepts_these_words(app, client, word, count):
    make_run(app, is_test=True, **URL)
    assert client.get(f"/stats/datasets?exclude_test_runs={word}").json == {"count": count}


@pytest.mark.parametrize("word", ["", "yes", "on", "t", "TRUE", "2", "-1", "null", "%00", "1.0", "%D9%A1"])
def test_a_flag_with_another_word_is_422(client, word):
    response = client.get(f"/stats/datasets?exclude_test_runs={word}")
    assert response.status_code == 422
    assert response.json["errors"] == [
        {"in": "query", "pointer": "/exclude_test_runs", "detail": "exclude_test_runs: Not a valid boolean."}
    ]
