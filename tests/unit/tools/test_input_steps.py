"""tools/input_steps.py: its steps are those by which a worker converts images."""

import sys

import numpy as np
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import input_steps

SHAPE = (5, 7, 3)


def test_the_steps_in_turn_are_what_a_worker_does():
    images = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)
    steps = input_steps.InputSteps(SHAPE, len(images))
    made = {name: step(images) for name, step in steps.steps().items()}
    assert made[input_steps.WHOLE].tobytes() == steps.pixels.tobytes()
    right = images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(steps.pixels, right)


def test_each_step_is_timed_for_an_image(tmp_path):
    np.save(tmp_path / "image.npy", np.zeros((5, *SHAPE), np.uint8))
    times = input_steps.step_times(tmp_path / "image.npy", batch=2)
    assert list(times)[-1] == input_steps.WHOLE
    assert len(times) == 5
    assert all(0 < time_ms < 1e3 for time_ms in times.values())
