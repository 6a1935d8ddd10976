"""Which timed calls are compared with preflight, and what is kept of its outputs for that."""

import numpy as np
import pytest

from infer.inputs.batching import Batcher
from infer.measure.checked_calls import checked_samples, first_of_burst
from infer.measure.run_outputs import RunOutputs
from infer.tensors.call_writer import write_calls
from infer.tensors.output_files import write_axes
from infer.tensors.outputs import CallSamples, SampleAxis
from infer.workload import Workload


@pytest.mark.parametrize("samples", [1, 5, 128, 3421, 50_000])
@pytest.mark.parametrize("batch", [1, 7, 128, 1024])
def test_the_last_call_of_every_generation_has_samples_that_are_kept(samples, batch):
    batches = Batcher({"x": np.zeros((samples, 1))}, batch)
    kept = checked_samples(samples, [batch], whole_passes=False)
    last = set()
    for generation in range(6):
        for calls in (2, 3, 17, 1000):
            first = first_of_burst(samples, Workload(batch), calls, generation)
            rows = batches.rows(first + calls - 1).tolist()
            assert kept.issuperset(rows)
        last.add(rows[0])

    assert len(kept) <= 2 * batch
    # What is left over from the warm-up, which calls with the first batch, cannot pass.
    assert 0 not in last or samples < 2 * batch
    assert len(last) == 2 or samples < 3 * batch


def test_the_end_of_a_pass_over_all_samples_is_kept():
    assert {3420, 3328} <= checked_samples(3421, [128], whole_passes=True)


def test_of_the_outputs_the_checked_calls_stay_with_what_is_known_of_them(tmp_path):
    outputs = RunOutputs(tmp_path, ())
    folder = outputs.folder("a")
    folder.mkdir()
    calls = [CallSamples.from_range(4 * number, 4) for number in range(6)]
    values = np.arange(48, dtype=np.float32).reshape(24, 2)
    texts = np.array([str(number) for number in range(24)], object)
    write_calls(
        folder,
        [{"y": values[call.rows[0] :][:4].T, "t": texts[list(call.rows)]} for call in calls],
        calls,
    )
    write_axes(folder, {"y": SampleAxis(1, settled=True), "t": SampleAxis(0)})
    (folder / "rounding").mkdir()

    outputs.keep_checked("a", {9, 17})

    assert outputs.has_checked("a") and not outputs.are_whole("a")
    assert [path.name for path in folder.iterdir()] == [outputs.CHECKED]
    kept = outputs.saved("a", outputs.CHECKED)
    rows = [*range(8, 12), *range(16, 20)]
    assert kept["y"].array.tolist() == values[rows].tolist()
    assert kept["t"].array.tolist() == texts[rows].tolist()
    assert kept["y"].sample_axis == SampleAxis(1, settled=True)
