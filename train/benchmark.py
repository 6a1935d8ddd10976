"""What an epoch costs, beside plainer ways to write the same loop: `python -m train.benchmark`.

Every variant runs in a process of its own, all once a round, in random order. An epoch here is
1,024 synthetic images, unless told otherwise, and the first of each process, which compiles, does
not count.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from train import synthetic
from train.benchmark_loops import VARIANTS
from train.card import use_card
from train.data import COUNTS, Dataset, Split
from train.frameworks import python_of
from train.monitor import Monitor
from train.option_types import at_least
from train.quiet import quiet_stderr
from train.recipe import SIZES, Recipe
from train.record import machine

IMAGES = 1024
BATCH = Recipe().batch_size
ALL_IMAGES = sum(COUNTS.values())
# For the three epochs of a loop; one that takes longer is not tried again.
LIMIT_S = 180.0


def measure(framework: str, variant: str, images: int) -> float:
    """Seconds of an epoch of so many images in this process, without its validation."""
    train_split = Split(*synthetic.draw(images, 28, 0))
    val = Split(*synthetic.draw(8, 28, 1))
    data = Dataset("synthetic", 28, synthetic.CLASS_NAMES, train_split, val, val)
    recipe = Recipe(epochs=3)
    use_card()
    with quiet_stderr(), tempfile.TemporaryDirectory() as folder:
        train = VARIANTS[framework][variant]
        if train is None:
            train = importlib.import_module(f"train.train_{framework}").train
        steps = images // recipe.batch_size
        with Monitor("", recipe.epochs, steps, Path(folder) / "weights.safetensors") as monitor:
            train(recipe, data, monitor, None)
    return min(epoch.seconds for epoch in monitor.history[1:])


def peak_memory(framework: str, images: int) -> float:
    """Peak memory, in GB, of a training step at 224 pixels with so many images in memory."""
    size = SIZES[-1]
    splits = [
        Split(np.full((count, size, size, 3), 127, np.uint8), np.arange(count) % 8)
        for count in (max(n * images // ALL_IMAGES, BATCH) for n in COUNTS.values())
    ]
    few = Split(splits[1].images[:16], splits[1].labels[:16])
    data = Dataset("synthetic", size, synthetic.CLASS_NAMES, splits[0], few, splits[2])
    recipe = Recipe(size=size, epochs=1, train_images=128)
    use_card()
    with quiet_stderr(), tempfile.TemporaryDirectory() as folder:
        train = importlib.import_module(f"train.train_{framework}").train
        with Monitor("", 1, 1, Path(folder) / "weights.safetensors") as monitor:
            train(recipe, data, monitor, None)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main(arguments: list[str] | None = None) -> None:
    """Measure all variants in turn and print their ratios."""
    options = _parser().parse_args(arguments)
    frameworks = options.frameworks or list(VARIANTS)
    images = options.images or (ALL_IMAGES if options.memory else IMAGES)
    if options.variant:
        print(json.dumps(measure(frameworks[0], options.variant, images)))
        return
    if options.memory and len(frameworks) == 1:
        print(f"| {frameworks[0]} | {peak_memory(frameworks[0], images):.1f} GB |")
        return
    if options.memory:
        for framework in frameworks:
            subprocess.run(_command(framework, images, "--memory"), check=True)
        return
    here = machine()
    print(f"{here['processor']}, {here['cores']} cores; {options.rounds} rounds\n")
    print(f"| framework | loop | s / {images:,} images | ratio to ours, by round |")
    print("| --- | --- | ---: | --- |")
    for framework in frameworks:
        for line in _compare(framework, options.rounds, images):
            print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m train.benchmark",
        description="Measure what an epoch costs in each framework, beside plainer loops.",
        epilog="example: python -m train.benchmark torch --rounds 5",
    )
    parser.add_argument(
        "frameworks",
        nargs="*",
        type=_framework,
        metavar="FRAMEWORK",
        help=f"of {', '.join(VARIANTS)} (default: all)",
    )
    parser.add_argument("--rounds", type=at_least(1), default=3, help="of all loops (default: 3)")
    parser.add_argument(
        "--memory", action="store_true", help="the peak memory of a step at 224 pixels instead"
    )
    parser.add_argument(
        "--images",
        type=at_least(BATCH),
        metavar="N",
        help=f"in an epoch (default: {IMAGES:,}), or with --memory in all (default: "
        f"{ALL_IMAGES:,}); a batch of {BATCH} or more",
    )
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    return parser


def _framework(text: str) -> str:
    # argparse would hold none at all against `choices`.
    if text not in VARIANTS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(VARIANTS)}")
    return text


def _command(framework: str, images: int, *more: str) -> list[str]:
    options = ["--images", str(images), *more]
    return [python_of(framework), "-m", "train.benchmark", framework, *options]


def _compare(framework: str, rounds: int, images: int) -> list[str]:
    """The rows of a framework: seconds of every loop, and their ratios to ours by round."""
    times: dict[str, list[float]] = {name: [] for name in VARIANTS[framework]}
    given_up: list[str] = []
    for _ in range(rounds):
        order = list(times)
        random.shuffle(order)
        for variant in order:
            command = _command(framework, images, "--variant", variant)
            try:
                done = subprocess.run(
                    command, check=True, capture_output=True, text=True, timeout=LIMIT_S
                )
            except subprocess.TimeoutExpired:
                del times[variant]
                given_up.append(variant)
                continue
            times[variant].append(float(done.stdout.splitlines()[-1]))
            print(f"{framework} {variant}: {times[variant][-1]:.2f} s", file=sys.stderr)
    rows = []
    for variant, seconds in times.items():
        ratios = [a / b for a, b in zip(seconds, times.get("ours", []), strict=False)]
        shown = " ".join(f"{ratio:.2f}" for ratio in ratios)
        rows.append(f"| {framework} | {variant} | {statistics.median(seconds):.2f} | {shown} |")
    for variant in given_up:
        rows.append(f"| {framework} | {variant} | given up: 3 epochs took over {LIMIT_S:.0f} s | |")
    return rows


if __name__ == "__main__":
    main()
