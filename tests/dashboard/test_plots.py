"""The shapes of plots, and the texts of durations, times and messages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.dashboard import duration_plots, plots, words
from app.models.recipe_runs import CONCLUSIONS
from app.services.run_durations import summary


def week(monday, runs, **ended):
    return {"week": monday, "runs": runs, "by_conclusion": dict.fromkeys(CONCLUSIONS, 0) | ended}


def long_time(count):
    first = datetime(2020, 1, 6, tzinfo=UTC).date()
    return [week(str(first + timedelta(weeks=number)), 1, success=1) for number in range(count)]


def test_weeks_without_runs_are_in_the_plot():
    parts = plots.periods([week("2022-05-02", 3, success=1), week("2022-05-23", 1)])
    assert [(str(part.first), part.runs) for part in parts] == [
        *(("2022-05-02", 3), ("2022-05-09", 0)),
        *(("2022-05-16", 0), ("2022-05-23", 1)),
    ]


@pytest.mark.parametrize(
    ("weeks", "bars", "days"), [(1, 1, 7), (80, 80, 7), (81, 41, 14), (400, 31, 91), (90_000, 80, 0)]
)
def test_many_weeks_are_merged_and_no_run_is_lost(weeks, bars, days):
    parts = plots.periods(long_time(weeks))
    assert (len(parts), sum(part.runs for part in parts)) == (bars, weeks)
    assert not days or (parts[0].last - parts[0].first).days + 1 == days


def test_segments_are_stacked_and_their_height_is_the_number_of_runs():
    parts = plots.periods([week("2022-05-02", 8, success=2, failure=1, timed_out=1, cancelled=1, stale=1)])
    (bar,) = plots.run_counts(parts).bars
    assert [segment.series for segment in bar.segments] == ["success", "failure", "timed_out", "other", "open"]
    assert [segment.height for segment in bar.segments] == [50, 25, 25, 50, 50]
    assert [segment.y for segment in bar.segments] == [150, 125, 100, 50, 0]


def test_series_without_runs_are_not_in_the_legend():
    plot = plots.run_counts(plots.periods([week("2022-05-02", 2, failure=1)]))
    assert plot.legend == {"failure": "failure", "open": "unfinished"}


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (0, ["0", "1"]),
        (3, ["0", "1", "2", "3"]),
        (317, ["0", "100", "200", "300", "400"]),
        (9000, ["0", "5,000", "10,000"]),
    ],
)
def test_an_axis_ends_above_the_highest_bar_and_has_round_ticks(highest, labels):
    plot = plots.run_counts(plots.periods([week("2022-05-02", highest)]))
    assert [tick.label for tick in plot.y_ticks] == labels


def test_the_success_rate_ignores_runs_that_do_not_judge_their_recipe():
    parts = plots.periods([week("2022-05-02", 9, success=1, failure=2, timed_out=1, cancelled=3)])
    (bar,) = plots.success_rates(parts).bars
    assert (parts[0].success_rate, parts[0].decided) == (0.25, 4)
    assert [(segment.series, segment.height) for segment in bar.segments] == [("success", 50)]


def test_bars_and_labels_are_within_the_plot():
    plot = plots.run_counts(plots.periods(long_time(75)))
    assert all(0 <= bar.x < bar.x + bar.width <= 100 for bar in plot.bars)
    assert len(plot.x_ticks) <= plots.LABELS_MAX
    assert all(0 < tick.position < 100 for tick in plot.x_ticks)


def lasted(*minutes):
    """Runs of these durations, one a day."""
    start = [datetime(2022, 3, 1 + day, 12, tzinfo=UTC) for day in range(len(minutes))]
    return [
        {"started_at": time, "completed_at": time + timedelta(minutes=length)}
        for time, length in zip(start, minutes, strict=True)
    ]


def test_a_run_is_a_point_at_its_start_and_its_duration():
    plot = duration_plots.durations_over_time(lasted(0, 30, 60))
    assert [(point.x, point.y) for point in plot.points] == [(2, 200), (50, 100), (98, 0)]
    assert [tick.label for tick in plot.x_ticks] == ["2 Mar 2022", "3 Mar 2022"]
    assert duration_plots.durations_over_time([]) is None


@pytest.mark.parametrize(
    ("minutes", "labels"),
    [
        (0, ["0", "1 s"]),
        (17, ["0", "5 min", "10 min", "15 min", "20 min"]),
        (85, ["0", "30 min", "1 h", "1.5 h"]),
        (3 * 1440, ["0", "1 d", "2 d", "3 d"]),
        (900 * 1440, ["0", "500 d", "1000 d"]),
    ],
)
def test_an_axis_of_durations_has_round_ticks(minutes, labels):
    assert [tick.label for tick in duration_plots.durations_over_time(lasted(minutes)).y_ticks] == labels


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *(
            (None, "\N{EN DASH}"),
            (0, "0 s"),
            (59, "59 s"),
            (192, "3 min 12 s"),
            (2787, "46 min"),
            (2810, "47 min"),
            (3599, "1 h"),
            (11520, "3 h 12 min"),
        ),
        *((7200, "2 h"), (7201, "2 h"), (86400, "1 d"), (98000, "1 d 3 h"), (40 * 86400 + 7200, "40 d")),
    ],
)
def test_durations_are_shown_in_their_largest_units(seconds, said):
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("age", "said"),
    [
        *(({"seconds": 5}, "just now"), ({"minutes": 1}, "1 minute ago"), ({"hours": 50}, "2 days ago")),
        *(({"days": 1500}, "4 years ago"), ({"days": -2, "hours": -1}, "in 2 days")),
    ],
)
def test_times_are_shown_relative_to_now(age, said):
    assert words.ago(datetime.now(UTC) - timedelta(**age)) == said


@pytest.mark.parametrize(
    ("text", "fields", "rest"),
    [
        (None, {}, ""),
        ("the archive answered 404", {}, "the archive answered 404"),
        ("[1]", {}, "[1]"),
        ('{"flow_id": "a", "deployment_id": 7}', {"flow_id": "a", "deployment_id": "7"}, ""),
        ('{"trace": "Traceback", "job": {"id": 1}}', {"job": '{\n  "id": 1\n}'}, "Traceback"),
        ('{"trace": ["a"]}', {}, '[\n  "a"\n]'),
        ("{" * 10_000, {}, "{" * 10_000),
    ],
)
def test_messages_in_json_are_split_into_fields(text, fields, rest):
    assert words.message(text) == (fields, rest)


def timed(*histograms):
    """Periods of a week with these histograms."""
    periods = plots.periods(long_time(len(histograms)))
    return [replace(period, durations=summary(lengths)) for period, lengths in zip(periods, histograms, strict=True)]


def test_durations_of_periods_are_on_a_logarithmic_axis():
    plot = duration_plots.durations(timed([(60, 9), (6000, 1)], [(60, 1), (600, 1)], []))
    first, second, third = plot.bars
    assert [(segment.series, segment.y, segment.height) for segment in second.segments] == [
        *(("tail", 0, 200), ("length", 198, 4)),
    ]
    assert [segment.height for segment in first.segments] == [0, 4]
    assert third.segments == ()
    assert [tick.label for tick in plot.y_ticks] == ["1 min", "2 min", "5 min", "10 min"]


@pytest.mark.parametrize(
    ("lengths", "bins"),
    [
        ([(0, 2), (9, 1), (10, 1)], [(3, 0, 10), (1, 10, 30), *((0, 0, 0),) * 4]),
        ([(59, 1), (10**9, 3)], [(1, 30, 60), *((0, 0, 0),) * 11, (3, 604800, None)]),
    ],
)
def test_runs_are_counted_by_duration(lengths, bins):
    plot = duration_plots.distribution(lengths)
    found = [(bin.runs, bin.shortest, bin.longest) for bin in plot.bins]
    assert [(of[0], *(of[1:] if of[0] else (0, 0))) for of in found] == bins
    assert sum(bin.share for bin in plot.bins) == 1
    assert duration_plots.distribution([]) is None


def test_labels_have_days_if_the_time_is_short_and_the_year_only_once():
    plot = plots.run_counts(plots.periods(long_time(3)))
    assert [tick.label for tick in plot.x_ticks] == ["6 Jan 2020", "13 Jan", "20 Jan"]
    assert plots.run_counts(plots.periods(long_time(26))).x_ticks[0].label == "Jan 2020"


def test_periods_of_whole_units_begin_with_one():
    parts = plots.periods(long_time(60), 13, 16)
    assert {part.weeks for part in parts} == {16}
    assert plots.week_number(parts[0].first) % 16 == 0
    assert sum(part.runs for part in parts) == 60


def test_few_bars_are_not_wide():
    (bar,) = plots.run_counts(plots.periods(long_time(1))).bars
    assert (bar.x, bar.width) == (50 - plots.WIDEST / 2, plots.WIDEST)
