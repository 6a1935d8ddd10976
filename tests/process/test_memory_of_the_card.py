"""Which artifacts are alive together, in the memory of a card and of the machine."""

import pytest
from events import event

from infer.measure.grouping import grouped, needs
from infer.measure.plan import Plan
from infer.measure.session import Run
from infer.outcome import Failure, Outcome
from infer.records.artifact_events import OutcomeReached
from infer.records.protocol import Protocol
from infer.records.store import Store

GIB = 1 << 30


def test_the_most_that_is_known_of_a_need_counts():
    known = event(
        "preflight",
        artifact="m",
        predict={"peak_rss_bytes": 3 * GIB},
        gpu_bytes=None,
        gpu_device_bytes=2 * GIB,
        gpu_runtime_peak_bytes=1 * GIB,
    )
    unknown = event("preflight", artifact="m", predict={"peak_rss_bytes": None}, gpu_bytes=None)

    assert needs(known) == (3 * GIB, 2 * GIB)
    assert needs(unknown) == (0, 0)


NEEDS = {"a": (1, 30), "b": (1, 30), "c": (1, 30), "d": (50, 1)}


@pytest.mark.parametrize(
    ("room", "apart", "groups"),
    [
        # Host, card.
        ((100, None), (), ["abcd"]),
        ((100, 95), (), ["abcd"]),
        ((100, 70), (), ["ab", "acd"]),
        ((100, 40), (), ["ab", "ac", "ad"]),
        ((51, None), (), ["abc", "ad"]),
        ((100, None), ("b", "d"), ["ac", "ab", "ad"]),
        ((100, None), ("c",), ["abd", "ac"]),
        ((100, None), ("a",), ["ab", "ac", "ad"]),
    ],
)
def test_those_are_alive_together_that_fit_into_both_memories(room, apart, groups):
    assert grouped(list(NEEDS), "a", NEEDS, room, apart) == [list(group) for group in groups]


def test_one_artifact_is_a_group():
    assert grouped(["a"], "a", NEEDS, (10, 10)) == [["a"]]


@pytest.fixture(scope="module")
def run_on_card(tmp_path_factory, fake_artifact, inputs_file):
    """A run of four artifacts on a card, after preflight, that each hold 30 GiB of it."""
    folder = tmp_path_factory.mktemp("preflight")
    held = {"gpu_bytes": 20 * GIB, "gpu_device_bytes": 30 * GIB, "gpu_runtime_peak_bytes": None}
    plan = Plan(
        artifacts=tuple((name, fake_artifact(folder, name)) for name in "abcd"),
        inputs=inputs_file(folder / "inputs.npz"),
        protocol=Protocol("test", generations=0, batch=2, scenarios=("single",)),
        device="cuda",
        threads=1,
        timeout_s=60,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infer.measure.warm_up.WARM_UP_S", 0.0)
        patch.setattr("infer.measure.gpu_memory.GpuMemory.record", lambda memory, worker: held)
        run = Run(plan, Store(folder / "run"), lambda progress: None)
        run.run([])
    return run


def test_stopped_workers_share_the_memory_of_the_card(run_on_card, monkeypatch):
    # Where it is not known how much is free.
    assert run_on_card.timing._groups() == [["a", "b", "c", "d"]]

    monkeypatch.setattr(run_on_card.timing, "_free_on_card", 101 * GIB)
    assert run_on_card.timing._groups() == [["a", "b", "c"], ["a", "d"]]


def test_what_has_no_memory_beside_others_is_tried_with_the_reference_alone(run_on_card):
    short = Failure(Outcome.OUT_OF_MEMORY, "CUDA out of memory.")

    run_on_card.timing._fail_beside(4, "c", short)
    assert run_on_card.timing._groups() == [["a", "b", "d"], ["a", "c"]]
    assert run_on_card.context.ended == set()

    run_on_card.timing._fail_beside(2, "c", short)
    assert run_on_card.context.ended == {"c"}
    reason = run_on_card.context.store.latest(OutcomeReached)["c"].reason
    assert reason == "CUDA out of memory. (beside 1 other; alone it had enough, in preflight)"

    run_on_card.timing._fail_beside(3, "d", Failure(Outcome.CRASH, "the process was killed"))
    assert run_on_card.context.ended == {"c", "d"}
