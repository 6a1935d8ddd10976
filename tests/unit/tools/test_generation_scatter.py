"""What the intervals of a run stand on: tools/generation_scatter.py."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import generation_scatter


def recorded(common, own, generations=400):
    """A run of four byte copies and another artifact that is always as fast."""
    random = np.random.default_rng(0)
    machine = random.normal(0, common, generations)
    level = {name: machine + random.normal(0, own, generations) for name in "abcd"}
    level["other"] = np.zeros(generations)
    return SimpleNamespace(
        device="cpu",
        clocks={},
        artifacts={
            name: SimpleNamespace(sha256="one" if name == "other" else "copy") for name in level
        },
        speed_references=lambda: dict.fromkeys(level, "a"),
        timed=lambda workload: {
            name: {g: {0: [float(np.exp(value))] * 2} for g, value in enumerate(values)}
            for name, values in level.items()
        },
    )


@pytest.mark.parametrize(("common", "own"), [(0.02, 0.01), (0.0, 0.01)])
def test_what_processes_scatter_by_is_told_from_what_the_machine_does(common, own):
    index = recorded(common, own)
    rows = generation_scatter.rows(index, "single", turns=1, calls=1)
    cells = {
        name: [float(cell.rstrip("%")) / 100 for cell in values if "%" in cell]
        for _, name, *values, _ in (
            [cell.strip() for cell in row.split("|")] for row in list(rows)[2:]
        )
    }

    assert cells["other"] == pytest.approx([0, np.hypot(common, own)], abs=1e-3)
    assert cells["b"] == pytest.approx([np.hypot(common, own), own * 2**0.5], abs=1.5e-3)
    assert cells["4 copies in one generation"] == pytest.approx([own], abs=5e-4)
    assert cells["common to all copies"] == pytest.approx([common], abs=2e-3)
    for some in (1, 2, 3):
        expected = np.hypot(common, own / some**0.5)
        assert cells[f"other less the mean of {some}"] == pytest.approx([expected], abs=1e-3)
