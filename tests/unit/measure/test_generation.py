"""The turns of a generation, without processes."""

from types import SimpleNamespace

from infer.measure.generation import Generation
from infer.records.protocol import Protocol
from infer.workload import Workload


def test_worker_that_is_dropped_takes_no_more_turns_and_the_others_go_on():
    protocol = Protocol("test", bursts=3)
    workloads = {Workload(1): 0.01, Workload(4): 0.01}
    everything = {
        (label, workload, number)
        for label in ("good", "bad")
        for workload in workloads
        for number in range(3)
    }
    taken = []

    with Generation(0, protocol, seed=0) as generation:
        for label in ("good", "bad"):
            generation.add(label, SimpleNamespace(), workloads)
        for turn in generation.turns():
            taken.append((turn.label, turn.workload, turn.number))
            if turn.label == "bad":
                generation.drop("bad")

    assert sum(label == "bad" for label, _, _ in taken) == 1
    assert {turn for turn in taken if turn[0] == "good"} == {
        turn for turn in everything if turn[0] == "good"
    }


def test_bursts_of_a_workload_stand_together_and_the_order_is_random_by_the_seed():
    def order(seed):
        with Generation(0, Protocol("test", bursts=4), seed=seed) as generation:
            for label in "abcd":
                call_s = {Workload(1): 0.01, Workload(4): 0.01}
                generation.add(label, SimpleNamespace(), call_s)
            return [(turn.number, turn.label, turn.workload.batch) for turn in generation.turns()]

    turns = order(1)

    assert turns == order(1) != order(2)
    assert [number for number, _, _ in turns] == [n for n in range(4) for _ in range(8)]
    for number in range(4):
        batches = [batch for n, _, batch in turns if n == number]
        assert len(set(batches[:4])) == len(set(batches[4:])) == 1
    assert len({tuple(label for n, label, _ in turns if n == number) for number in range(4)}) > 1
