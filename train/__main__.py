"""Command line of the training: `python -m train`."""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from train.card import use_card
from train.data import DATASETS, ROOT_VARIABLE, DataError, Dataset, load_dataset, training_batches
from train.frameworks import EXTRAS, NEEDS, python_of
from train.interpreters import UsageError, is_here, variables
from train.metrics import calibration, confusion, seven_metrics
from train.monitor import Monitor
from train.option_types import at_least
from train.quiet import quiet_stderr
from train.recipe import FRAMEWORKS, PROFILES, SIZES, Recipe
from train.record import PROFILE_NOTICES, environment, write_record
from train.weights import WeightsError, load_weights

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Train in each framework asked for; return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    frameworks = [options.only] if options.only else options.frameworks or list(FRAMEWORKS)
    for framework in frameworks:
        if framework not in FRAMEWORKS:
            known = ", ".join(FRAMEWORKS)
            print(f"error: unknown framework {framework!r}: choose from {known}", file=sys.stderr)
            return 2
    try:
        pythons = {name: python_of(name) for name in frameworks}
        if options.only is None and list(pythons.values()) != [sys.executable]:
            return _each_in_its_own_process(pythons, arguments)
        return _train(frameworks[0], options)
    except (DataError, UsageError, WeightsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m train",
        description="Train the network on BloodMNIST and save canonical weights with a record.",
        epilog="example: python -m train torch --profile paper --seed 1",
    )
    parser.add_argument(
        "frameworks", nargs="*", metavar="FRAMEWORK", help=f"{', '.join(FRAMEWORKS)} (default: all)"
    )
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default="quick",
        help="paper: the whole method; best: with what is known to help; quick: about a minute a "
        "framework (default)",
    )
    parser.add_argument("--size", type=int, choices=SIZES, default=28, help="image side in pixels")
    parser.add_argument(
        "--seed", type=at_least(0), default=0, help="of the weights and the image order"
    )
    parser.add_argument(
        "--dataset",
        choices=DATASETS,
        default="auto",
        help="auto (default): a local file, else a download, else synthetic images",
    )
    parser.add_argument(
        "--data-root",
        type=Path,
        help=f"folder of bloodmnist.npz (default: ${ROOT_VARIABLE}, else ~/.medmnist)",
    )
    parser.add_argument("--out", type=Path, default=Path("artifacts/weights"), help="output folder")
    parser.add_argument("--epochs", type=at_least(1), help="instead of the profile's number")
    parser.add_argument("--train-images", type=at_least(1), help="instead of the profile's number")
    parser.add_argument("--start-from", type=Path, metavar="WEIGHTS", help="instead of new weights")
    parser.add_argument(
        "--evaluate", type=Path, metavar="WEIGHTS", help="train nothing, print the test metrics"
    )
    parser.add_argument("--only", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    return parser


def _each_in_its_own_process(pythons: dict[str, str], arguments: list[str]) -> int:
    # Frameworks share threads, memory and signal handlers badly; and one that is missing
    # or fails leaves the others to train.
    worst = 0
    for framework, python in pythons.items():
        command = [python, "-m", "train", *arguments, "--only", framework]
        process = subprocess.Popen(command, env=variables())
        interrupted = False
        while True:
            try:
                status = process.wait()
                break
            except KeyboardInterrupt:  # the child has it too, and saves what it has
                interrupted = True
        if interrupted or status == INTERRUPTED:
            return INTERRUPTED
        worst = max(worst, abs(status))
    return worst


def _train(framework: str, options: argparse.Namespace) -> int:
    for package in NEEDS[framework]:
        if not is_here(package):
            remedy = f"pip install '.[train,{EXTRAS[framework]}]'"
            print(f"error: {package} is not installed: {remedy}", file=sys.stderr)
            return 2
    recipe = Recipe.from_profile(options.profile, size=options.size, seed=options.seed).changed(
        epochs=options.epochs, train_images=options.train_images
    )
    data = load_dataset(options.dataset, size=options.size, root=options.data_root)
    training_batches(data.train, recipe, 0)  # an error now rather than after the framework loads
    start, start_hash = load_weights(options.start_from) if options.start_from else (None, None)
    notices = [notice for notice in (data.notice, PROFILE_NOTICES.get(recipe.profile)) if notice]

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    use_card()
    with quiet_stderr():
        script: Any = importlib.import_module(f"train.train_{framework}")
    if options.evaluate:
        weights, _ = load_weights(options.evaluate)
        _show(framework, data, data.notice, script.predict(weights, data.test, recipe))
        return 0

    name = f"{framework}-{recipe.profile}-{recipe.size}-seed{recipe.seed}"
    if data.name != "bloodmnist":
        name += f"-{data.name}"
    path = options.out / f"{name}.safetensors"
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(f"{options.out}: cannot be made ({error.strerror})") from None
    for notice in notices:
        print(f"*** {notice}", file=sys.stderr)
    steps = len(training_batches(data.train, recipe, 0))
    started = time.perf_counter()
    with Monitor(framework, recipe.epochs, steps, path) as monitor:
        script.train(recipe, data, monitor, start)
    seconds = time.perf_counter() - started
    if monitor.checkpoint.best is None:
        print(f"{framework}: interrupted in the first epoch, nothing kept", file=sys.stderr)
        return INTERRUPTED

    weights = monitor.checkpoint.load()
    logits = script.predict(weights, data.test, recipe)
    metrics = _show(framework, data, " ".join(notices), logits)
    record = {
        "framework": framework,
        "recipe": recipe.as_dict(),
        "dataset": data.describe(),
        "notices": notices,
        "started_from": start_hash,
        **monitor.describe(),
        "test_metrics": metrics,
        "test_confusion": confusion(logits, data.test.labels),
        "test_calibration": asdict(calibration(logits, data.test.labels)),
        "weights": {"file": path.name, "sha256": load_weights(path)[1]},
        "seconds": seconds,
        "environment": environment(framework),
    }
    print(f"saved {path} and {write_record(path, record).name}")
    return INTERRUPTED if monitor.interrupted else 0


def _show(framework: str, data: Dataset, notice: str | None, logits: Any) -> dict[str, float]:
    metrics = seven_metrics(logits, data.test.labels)
    print(f"{framework}, {len(data.test)} test images of {data.name} at {data.size} pixels:")
    print("  " + "  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    if notice:
        print(f"  ({notice})")
    return metrics


if __name__ == "__main__":
    sys.exit(main())
