from benchmarks.figures import Figure, Results, Sample, Spread, percentile

SPEED = Figure("speed", "/s", "speed", more_is_better=True)
DELAY = Figure("delay", "ms", "delay")


def results(*samples: Sample) -> Results:
    return Results("any", {"rounds": 3}, [*samples], {"gone": "it was not there"})


def test_a_ratio_is_the_median_of_the_ratios_of_each_round() -> None:
    found = results(
        *(Sample("ours", number, {"speed": speed}) for number, speed in enumerate([10, 30, 80])),
        *(Sample("theirs", number, {"speed": speed}) for number, speed in enumerate([10, 10, 40])),
    )

    assert found.ratio("ours", "theirs", SPEED) == Spread(2, 1, 3)


def test_where_less_is_better_the_ratio_is_turned_over() -> None:
    found = results(Sample("ours", 0, {"delay": 2}), Sample("theirs", 0, {"delay": 10}))

    assert found.ratio("ours", "theirs", DELAY) == Spread(5, 5, 5)


def test_a_round_in_which_one_is_missing_does_not_count() -> None:
    found = results(
        Sample("ours", 0, {"delay": 2}),
        Sample("ours", 1, {"delay": 4}),
        Sample("theirs", 0, {"delay": None}),
        Sample("theirs", 1, {"delay": 4}),
    )

    assert found.ratio("ours", "theirs", DELAY) == Spread(1, 1, 1)


def test_cases_do_not_mix() -> None:
    found = results(
        Sample("ours", 0, {"delay": 2}, "short"), Sample("ours", 0, {"delay": 9}, "long")
    )

    assert found.cases() == ["short", "long"]
    assert found.spread("ours", "delay", "long") == Spread(9, 9, 9)
    assert found.spread("ours", "delay") is None


def test_what_is_kept_is_what_is_read() -> None:
    found = results(Sample("ours", 0, {"delay": 2, "speed": None}, "short", "a note"))

    assert Results.from_json(found.to_json()) == found


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(100)]

    assert (percentile(values, 0.5), percentile(values, 0.99)) == (50, 99)
    assert percentile([], 0.5) is None
