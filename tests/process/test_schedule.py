"""When a run ends: at its number of generations, its resolution or its budget."""

import json
from types import SimpleNamespace

import pytest
from runs import SMALL, check_records, records_of, results_of

from infer.cli.main import main
from infer.codec import from_json
from infer.measure import timing_stage
from infer.measure.stopping import MIN_GENERATIONS_TO_RESOLVE, RunStatus, resting, stop_reason
from infer.quantities import duration, parse_bytes, parse_duration, parse_share
from infer.records.events import AnyEvent
from infer.records.protocol import Protocol
from infer.results.queries import Resolution, resolutions


def status(generations=20, elapsed_s=100.0, generation_s=5.0, compared=2, resolution=0.03):
    widths = {"x": Resolution(0.001, generations), "y": Resolution(resolution, generations)}
    return RunStatus(generations, elapsed_s, generation_s, compared, widths)


def test_number_of_generations_ends_a_run():
    protocol = Protocol("test", generations=3)

    assert stop_reason(protocol, status(generations=2)) is None
    assert stop_reason(protocol, status(generations=3)) == "all 3 generations were measured"
    # As many may be there of a run that had another end before.
    assert stop_reason(protocol, status(generations=7)) == "all 7 generations were measured"


def test_budget_ends_a_run_before_the_generation_that_would_not_fit():
    protocol = Protocol("test", budget_s=100)

    assert stop_reason(protocol, status(elapsed_s=90, generation_s=9)) is None
    assert stop_reason(protocol, status(elapsed_s=90, generation_s=11)) == (
        "the budget of 100 s was spent"
    )
    assert stop_reason(protocol, status(elapsed_s=101, generation_s=0)) is not None


def test_budget_that_preflight_has_spent_leaves_one_generation():
    protocol = Protocol("test", budget_s=100)

    assert stop_reason(protocol, status(generations=0, elapsed_s=500, generation_s=0)) is None
    assert stop_reason(protocol, status(generations=1, elapsed_s=505)) is not None


def test_resolution_ends_a_run_when_the_widest_interval_is_as_narrow():
    protocol = Protocol("test", resolve=0.03)

    assert stop_reason(protocol, status(resolution=0.031)) is None
    assert stop_reason(protocol, status(resolution=None)) is None
    assert stop_reason(protocol, status(resolution=0.03)) == "the resolution of 3.0% was reached"


def test_resolution_is_not_believed_of_few_generations():
    protocol = Protocol("test", resolve=0.03)

    assert (
        stop_reason(protocol, status(generations=MIN_GENERATIONS_TO_RESOLVE - 1, resolution=0.001))
        is None
    )
    assert (
        stop_reason(protocol, status(generations=MIN_GENERATIONS_TO_RESOLVE, resolution=0.001))
        is not None
    )


def test_resolution_of_nothing_is_not_waited_for():
    protocol = Protocol("test", resolve=0.03)

    assert (
        stop_reason(protocol, status(compared=0, resolution=None)) == "there was nothing to compare"
    )
    assert stop_reason(protocol, status(generations=1, compared=0, resolution=None)) is None


def test_artifacts_whose_intervals_are_narrow_rest_from_the_tenth_generation_on():
    protocol = Protocol("test", resolve=0.03)

    assert resting(protocol, status(resolution=0.031)) == {"x"}
    assert resting(protocol, status(resolution=None)) == {"x"}
    assert resting(protocol, status(resolution=0.03)) == {"x", "y"}
    assert not resting(protocol, status(generations=MIN_GENERATIONS_TO_RESOLVE - 1))
    assert not resting(Protocol("test", budget_s=100), status())


def test_an_artifact_rests_by_its_own_generations_and_not_by_those_of_the_run():
    """Some of them were of a slow machine, or the artifact was not measured in all."""
    protocol, enough = Protocol("test", resolve=0.03), MIN_GENERATIONS_TO_RESOLVE
    widths = {"x": Resolution(0.001, enough), "late": Resolution(0.001, enough - 1)}
    late = RunStatus(2 * enough, 100.0, 5.0, 2, widths)

    assert resting(protocol, late) == {"x"}
    assert stop_reason(protocol, late) is None


def test_time_goes_to_the_artifacts_that_do_not_rest(monkeypatch):
    """Two families, each with a reference of its own: one has come to its resolution as a whole."""
    count, narrow = MIN_GENERATIONS_TO_RESOLVE, 0.01
    widths = [{"x": narrow, "y": 0.5, "v": narrow}, {"x": 0.5, "y": 0.02, "v": narrow}]
    widths.append(dict.fromkeys("xyv", narrow))
    monkeypatch.setattr(
        timing_stage,
        "resolutions",
        lambda events: {x: Resolution(w, count) for x, w in widths[len(measured) // 2].items()},
    )
    measured = []

    class Store:
        events = ()

        def add(self, event):
            measured.append("end")

    class Context:
        store = Store()
        plan = SimpleNamespace(protocol=Protocol("test", resolve=0.03))

        def generation_seconds(self):
            return [1.0] * (count + len(measured))

        def elapsed_s(self):
            return 1.0

    class Stage(timing_stage.TimingStage):
        def __init__(self):
            self._context = Context()

        def _groups(self):
            return [["base", "x", "y"], ["former", "v"]]

        def _generation(self, labels):
            measured.append(labels)

    assert Stage().run() == "the resolution of 3.0% was reached"
    assert measured == [["base", "y"], "end", ["base", "x"], "end"]


def test_budget_ends_a_run_that_does_not_reach_its_resolution():
    protocol = Protocol("test", resolve=0.03, budget_s=100)

    assert "budget" in stop_reason(protocol, status(elapsed_s=100, resolution=0.2))
    assert "resolution" in stop_reason(protocol, status(elapsed_s=100, resolution=0.02))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1.5h", 5400), ("7", 7), (" 0.2 s ", 0.2), ("8760h", 31_536_000)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "0", "0s", "-1s", "s", "5d", "10 m 5", "nan", "inf", "1e3", "٣s", "8761h", "9" * 400],
)
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="is no duration such as 90s, 10m or 1h"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "share"), [("3%", 0.03), ("0.5 %", 0.005), ("0.03", 0.03)])
def test_shares(text, share):
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "0", "0%", "100%", "3", "-3%", "%", "three", "nan", "1e-2"])
def test_what_is_no_share(text):
    with pytest.raises(ValueError, match=r"is no share such as 3% or 0\.03"):
        parse_share(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("2GB", 2 * 10**9),
        ("2 gb", 2 * 10**9),
        ("512MiB", 512 * 2**20),
        ("1.5k", 1500),
        ("1Ti", 2**40),
        ("100B", 100),
    ],
)
def test_sizes(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    "text", ["", "0", "0.5B", "-1GB", "GB", "2XB", "2iB", "2GBs", "nan", "1e9", "9" * 400 + "GB"]
)
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="is no size such as 2GB or 512MiB"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("seconds", "message"),
    [(45, "45 s"), (119.6, "120 s"), (600, "10 min"), (3600, "1 h"), (3900, "1 h 5 min")],
)
def test_durations_as_they_are_said(seconds, message):
    assert duration(seconds) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget", "soon"], "--budget: 'soon' is no duration"),
        (["--timeout", "0"], "--timeout: '0' is no duration"),
        (["--burst", "-1s"], "--burst"),
        (["--resolve", "150%"], "--resolve: '150%' is no share"),
        (["--memory-limit", "much"], "--memory-limit: 'much' is no size"),
        (["--turns", "0"], "--turns: 0 is not a positive number"),
        (["--turns", "two"], "--turns: two is not a positive number"),
        (["--scenario", "quick"], "--scenario: invalid choice"),
    ],
)
def test_wrong_amount_is_told_in_one_line(capsys, options, message):
    with pytest.raises(SystemExit) as caught:
        main(["run", "artifact", *options])

    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("error: ")
    assert message in line


@pytest.fixture
def small(tmp_path, fake_artifact, inputs_file, run_cli):
    """Runs artifacts of the fake runtime; gives the summary, and the records without it."""

    def run(*options, names=("one", "two")):
        inputs_file(tmp_path / "inputs.npz")
        for name in names:
            fake_artifact(tmp_path / "artifacts", name, call_s=0.005)
        done = run_cli("run", "artifacts", *SMALL, *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        records = records_of(results_of(tmp_path))
        check_records(records)
        return json.loads((tmp_path / "out.json").read_text()), records

    return run


def generations_of(records):
    return [record for record in records if record["kind"] == "generation"]


def test_run_with_a_budget_ends_when_another_generation_would_not_fit(small):
    summary, records = small("--budget", "7s")

    assert summary["ended"] == "the budget of 7 s was spent"
    assert not summary["interrupted"]
    generations = generations_of(records)
    assert len(generations) > 1
    longest = generations[0]["seconds"]
    for generation in generations[1:]:
        # Each began as long as the longest before it would have fitted.
        assert generation["elapsed_s"] - generation["seconds"] + longest <= 7 + 0.1
        longest = max(longest, generation["seconds"])
    assert generations[-1]["elapsed_s"] + longest > 7 - 0.1


def test_run_to_a_resolution_ends_when_every_interval_is_as_narrow(small):
    summary, records = small("--resolve", "20%")

    assert summary["ended"] == "the resolution of 20.0% was reached"
    ratios = [
        timing["ratio"]
        for row in summary["rows"]
        for timing in row["timings"].values()
        if timing["ratio"]
    ]
    assert len(ratios) == 2  # by batches and one by one
    assert all((ratio["high"] / ratio["low"]) ** 0.5 - 1 <= 0.2 for ratio in ratios)
    ends = [i for i, record in enumerate(records) if record["kind"] == "generation"]
    assert len(ends) >= MIN_GENERATIONS_TO_RESOLVE
    events = [from_json(AnyEvent, record) for record in records]
    for end in ends[MIN_GENERATIONS_TO_RESOLVE - 1 : -1]:
        before = resolutions(events[:end]).values()
        assert any(r.half_width > 0.2 or r.generations < MIN_GENERATIONS_TO_RESOLVE for r in before)


def test_run_that_does_not_reach_its_resolution_ends_at_its_budget(small):
    summary, records = small("--resolve", "0.001%", "--budget", "5s")

    assert summary["ended"] == "the budget of 5 s was spent"
    assert generations_of(records)


def test_run_of_one_artifact_does_not_wait_for_a_resolution(small):
    summary, records = small("--resolve", "1%", names=("one",))

    assert summary["ended"] == "there was nothing to compare"
    assert len(generations_of(records)) == MIN_GENERATIONS_TO_RESOLVE
