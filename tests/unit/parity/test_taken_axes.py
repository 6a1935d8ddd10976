"""The axis of samples that only the reference shows."""

import numpy as np

from infer.parity.alignment import align
from infer.tensors.outputs import CallSamples, SampleAxis, SavedOutput

CALLS = (CallSamples.from_range(0, 4), CallSamples.from_range(4, 4))
PARTS = tuple(np.random.default_rng(0).random((2, 4, 3)))


def test_it_is_told_once_and_only_where_it_is_open():
    outputs = {
        "open": SavedOutput(CALLS, PARTS),
        "shown": SavedOutput(CALLS, PARTS, SampleAxis(0, settled=True)),
    }
    reference = {name: SavedOutput(CALLS, PARTS, SampleAxis(0, settled=True)) for name in outputs}

    aligned = align(outputs, reference, {}, "a", "b")

    assert aligned.taken_axes == {"open": SampleAxis(0, settled=False)}
    assert not align(reference, outputs, {}, "b", "a").taken_axes


def test_an_output_in_another_layout_is_matched_where_every_call_has_one_sample():
    """Such as those of models that take one image a call, with channels last and first."""
    calls = tuple(CallSamples.from_range(sample, 1) for sample in range(3))
    maps = np.random.default_rng(0).random((3, 1, 2, 8, 8))

    for expected in (maps, maps[..., 0]):
        moved = np.moveaxis(expected, 2, -1)
        outputs, reference = (
            {"y": SavedOutput(calls, tuple(parts), SampleAxis(0))} for parts in (moved, expected)
        )
        aligned = align(outputs, reference, {}, "a", "b")

        np.testing.assert_array_equal(aligned.outputs["y"], aligned.expected["y"])
        assert not aligned.calls
