"""Entries of a baseline and of a run that are made up, for tests of the gate."""

from dataclasses import replace

import numpy as np

from infer.gating.baseline import Baseline, BaselineEntry, OutputParity
from infer.gating.evaluation import evaluate
from infer.gating.gate_input import FormerComparison, GateInput
from infer.gating.setup import Setup
from infer.outcome import Outcome
from infer.parity.kept_sketch import SketchedOutput
from infer.parity.sketch import sketch_of
from infer.stats.ratios import Ratio

MIB = 2**20
RIGHT = np.arange(1000) % 20 != 0  # 95 % of them
SETUP = Setup(device="cpu", threads=2, batch=8, processor="Made up 3000")
VALUES = np.array([[0.5, 0.25], [1, 2]], np.float32)


def sketched(values, tolerance=1e-4, outputs=1, **known):
    """The sketch of an output of an artifact that has so many."""
    return SketchedOutput(sketch_of(np.asarray(values), outputs), tolerance, **known)


GOOD = BaselineEntry(
    outcome=Outcome.OK,
    format="onnx",
    sha256="a" * 64,
    inputs="i" * 64,
    bytes=1000,
    memory=100 * MIB,
    call_s={"batch 8": 0.01},
    reference="native",
    parity={"y": OutputParity(1e-6, 1e-4)},
    correct=RIGHT,
    sketches={"y": sketched(VALUES)},
    versions={"onnxruntime": "1.0"},
    setup=SETUP,
)


def kept(artifacts, **margins):
    """A baseline that keeps these entries."""
    return Baseline({label: entry.to_keep() for label, entry in artifacts.items()}, **margins)


BASELINE = kept({"m": GOOD})


def wrong(count, *, right=RIGHT):
    """As many of the right ones made wrong."""
    changed = right.copy()
    changed[np.flatnonzero(right)[:count]] = False
    return changed


def verdicts(now, *, baseline=BASELINE, pair=None, margins=None, label="m", **fields):
    result = evaluate(
        GateInput(
            {label: now}, {label: pair} if pair else {}, fields.pop("setup", SETUP), **fields
        ),
        baseline,
        margins or {},
    )
    return {check.name: check for check in result.checks}


def beside(low, value, high, **entries):
    """A former artifact that took so much less time."""
    return FormerComparison(
        replace(GOOD, **entries),
        ratios={"batch 8": Ratio(value, low, high, 10)},
        sha256=entries.get("sha256", GOOD.sha256),
    )
