"""Command line of the study: `python -m study`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from export.compiling import missing_compiler
from export.exporters import EXPORTERS
from infer.quantities import parse_duration
from study import comparing, pages, prediction, profiles, results, training
from study.results import StudyError
from study.setup import COMPARISONS, OUT

STEPS = {
    "train": "two seeds of the paper's recipe and one of the profile best, in each framework",
    "compare": "every format at 28 and 64 pixels, and the native ones up to 224",
    "predict": "each framework's own predict beside its artifact",
    "profile": "where each runtime's time goes",
    "write": "the tables and plots of what there is",
}
PREDICTED = (28, 64)


def main(arguments: list[str] | None = None) -> int:
    """Do the steps asked for; return the exit status."""
    options = _parser().parse_args(arguments)
    steps = options.steps or list(STEPS)
    unknown = [step for step in steps if step not in STEPS]
    if unknown:
        print(f"error: no step {unknown[0]!r}: choose from {', '.join(STEPS)}", file=sys.stderr)
        return 2
    try:
        for step in (step for step in STEPS if step in steps):
            _STEPS[step](options)
    except (StudyError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with what is missing", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    steps = "; ".join(f"{name}: {what}" for name, what in STEPS.items())
    parser = argparse.ArgumentParser(
        prog="python -m study",
        description="Redo the study of docs/study: what has results in the output folder already "
        "stays, the rest is trained, measured and written. It takes hours. Let nothing run beside.",
        epilog="example: python -m study compare predict write --budget 5m",
    )
    parser.add_argument(
        "steps", nargs="*", metavar="STEP", help=f"of the study (default: all). {steps}"
    )
    parser.add_argument(
        "--budget",
        type=_duration,
        default="10m",
        metavar="TIME",
        help="of each comparison (default: 10m)",
    )
    parser.add_argument(
        "--out", type=Path, default=OUT, help=f"folder of results, tables, plots (default: {OUT})"
    )
    parser.add_argument(
        "--work", type=Path, default=OUT, help=f"folder of artifacts and runs (default: {OUT})"
    )
    return parser


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _train(options: argparse.Namespace) -> None:
    training.train_missing(options.out, _tell)


def _compare(options: argparse.Namespace) -> None:
    for name, comparison in COMPARISONS.items():
        file = options.out / f"{name}.json"
        if results.read(file) is not None:
            continue
        formats = comparison.formats or tuple(n for n in EXPORTERS if not missing_compiler(n))
        _tell(f"comparison of formats, {comparison.title}")
        comparing.export_missing(options.work, comparison.sizes, formats)
        summary = comparing.compare(
            options.work, name, comparison, formats, f"{options.budget:g}s", options.out
        )
        results.write(file, summary)
    page = options.work / "report.html"
    comparing.report(options.work, list(COMPARISONS), page)
    _tell(f"written: {page}")


def _predict(options: argparse.Namespace) -> None:
    for size in PREDICTED:
        file = options.out / f"predict-{size}.json"
        if results.read(file) is None:
            results.write(file, prediction.measure(*_exported(options, size), size, _tell))


def _profile(options: argparse.Namespace) -> None:
    file = options.out / "profiles.json"
    if results.read(file) is None:
        results.write(file, profiles.measure(*_exported(options, 28), _tell))


def _exported(options: argparse.Namespace, size: int) -> tuple[Path, Path]:
    """The folder of the artifacts for a size, exported if need be, and the file of its images."""
    comparing.export_missing(options.work, (size,), profiles.PROFILED)
    return comparing.folder_of(options.work, size), comparing.images_of(options.work, size)


def _write(options: argparse.Namespace) -> None:
    predictions = {size: results.read(options.out / f"predict-{size}.json") for size in PREDICTED}
    runs = {name: results.read(options.out / f"{name}.json") for name in COMPARISONS}
    options.out.mkdir(parents=True, exist_ok=True)
    pages.write(
        options.out,
        {size: record for size, record in predictions.items() if record},
        {name: record for name, record in runs.items() if record},
        results.read(options.out / "profiles.json"),
    )
    _tell(f"written: {options.out / pages.TABLES}")


def _tell(what: str) -> None:
    Console(stderr=True, highlight=False).print(what, markup=False, soft_wrap=True)


_STEPS = {
    "train": _train,
    "compare": _compare,
    "predict": _predict,
    "profile": _profile,
    "write": _write,
}

if __name__ == "__main__":
    sys.exit(main())
