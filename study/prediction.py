"""Each framework's own predict beside its artifact: the time for the test images, as in Table 2."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from export.exporters import EXPORTERS
from infer.stats.ratios import ratio_of
from infer.system import machine
from study.jobs import ask
from study.setup import BATCH, NATIVE, SAME_WEIGHTS
from train.recipe import FRAMEWORKS

# The first pass is the one that compiles.
PASSES = 4
ROUNDS = 4


def measure(
    exported: Path, images: Path, size: int, tell: Callable[[str], None], rounds: int = ROUNDS
) -> dict[str, Any]:
    """Time both for every framework, each in a fresh process a round, in random order.

    Args:
        exported: folder with the artifacts of the weights, by exporter.
        images: `.npz` of `image`.
        size: of the images, in pixels.
        tell: is called with what is going on.
        rounds: at least two.

    Returns:
        By framework and by "predict" and "artifact" what each round found; and ratios with their
        intervals, corrected for their number: of predict to the artifact, and of each framework's
        predict to PyTorch's.

    Raises:
        StudyError: one of them failed.
    """
    order = [(framework, what) for framework in FRAMEWORKS for what in ("predict", "artifact")]
    measured: dict[str, dict[str, list[dict[str, Any]]]] = {
        framework: {"predict": [], "artifact": []} for framework in FRAMEWORKS
    }
    generator = random.Random(0)
    for number in range(rounds):
        generator.shuffle(order)
        for framework, what in order:
            tell(f"{size} pixels, round {number + 1} of {rounds}: {framework}, {what}")
            artifact = exported / NATIVE[framework] if what == "artifact" else None
            measured[framework][what].append(_once(framework, artifact, images))
    seconds = {
        (framework, what): [_steady(run) for run in measured[framework][what]]
        for framework, what in order
    }
    pairs = {f"{f}: predict over artifact": ((f, "predict"), (f, "artifact")) for f in FRAMEWORKS}
    pairs |= {
        f"{f} over torch: predict": ((f, "predict"), ("torch", "predict"))
        for f in FRAMEWORKS
        if f != "torch"
    }
    ratios = {
        name: asdict(
            ratio_of(
                [math.log(a / b) for a, b in zip(seconds[mine], seconds[other], strict=True)],
                len(pairs),
            )
        )
        for name, (mine, other) in pairs.items()
    }
    return {
        "environment": machine.describe(),
        "size": size,
        "batch": BATCH,
        "passes": PASSES,
        "rounds": rounds,
        "frameworks": measured,
        "ratios": ratios,
    }


def _steady(measured: dict[str, Any]) -> float:
    """Seconds of a pass after the first: the least, which nothing disturbed."""
    return float(min(measured["pass_s"][1:]))


def _once(framework: str, artifact: Path | None, images: Path) -> dict[str, Any]:
    exporter = EXPORTERS[NATIVE[framework]]
    job = {
        "framework": framework,
        "format": exporter.format,
        "artifact": str(artifact / exporter.payload) if artifact else None,
        "weights": str(SAME_WEIGHTS),
        "images": str(images),
        "threads": machine.cores(),
        "passes": PASSES,
    }
    return ask("study.predict_once", job)


def compile_share(rounds: list[dict[str, Any]], passes: int = 10) -> float:
    """How much longer a mean of so many passes is than a pass after the first, as a share.

    Args:
        rounds: what `measure` found of one framework.
        passes: that are averaged with the first among them, ten in the paper.
    """
    shares = [(measured["pass_s"][0] / _steady(measured) - 1) / passes for measured in rounds]
    return float(statistics.median(shares))
