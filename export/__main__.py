"""Command line of the exporters: `python -m export`."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
from rich.console import Console

from export.build import Built, ExportError, build, not_installed
from export.compiling import device_to_compile_for, missing_compiler
from export.evaluation import Evaluation, resized, write_evaluation
from export.exporters import EXPORTERS, choose, register_plugins
from export.weight_sources import (
    PRETRAINED,
    TRAINED,
    Source,
    best,
    find_sources,
    own_training,
    read_source,
    with_unique_names,
)
from infer.errors import UsageError
from infer.exporting import cores
from train.data import DATASETS, DataError, Dataset, load_dataset
from train.recipe import SIZES
from train.weights import WeightsError

OUT = Path("artifacts/exported")
INPUTS = Path("artifacts/inputs")
INSTALLED = "installed"
# An exporter keeps about one core busy and takes about so much memory.
_EXPORTER_BYTES = 2 << 30

Job = tuple[Source, str]


def main(arguments: list[str] | None = None) -> int:
    """Export what is asked for; return the exit status."""
    for refusal in register_plugins():
        print(f"warning: {refusal}", file=sys.stderr)
    options = _parser().parse_args(arguments)
    try:
        device = device_to_compile_for(options.device)
        formats = _available_formats(options.format, device)
        jobs = _of_sizes(_jobs(options, formats), options.size)
        evaluations = _evaluations([source for source, _ in jobs], options)
    except (ValueError, WeightsError, DataError, UsageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return _export(jobs, options.out, evaluations, device)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m export",
        description="Export weights to deployment formats. Each artifact is loaded in a fresh "
        "process and compared with the framework's own prediction before it counts.",
        epilog="example: python -m export artifacts/pretrained/*.safetensors --format onnx",
    )
    parser.add_argument(
        "weights",
        nargs="*",
        type=Path,
        metavar="WEIGHTS",
        help="weights files, each exported to all formats (default: the best at hand in all "
        "formats, and each framework's own training in its own formats)",
    )
    parser.add_argument(
        "--format",
        nargs="+",
        action="extend",
        metavar="NAME",
        help=f"all (default), installed (those whose frameworks are), onnx, {', '.join(EXPORTERS)}",
    )
    parser.add_argument(
        "--comparison",
        choices=("same", "own", "both"),
        default="both",
        help="of the weights at hand: the best in all formats (same), each framework's own (own)",
    )
    parser.add_argument(
        "--size",
        nargs="+",
        type=int,
        choices=SIZES,
        help="image side in pixels to export for (default: that of the training)",
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="what aotinductor compiles for (default: cuda where there is a card and a PyTorch for "
        "CUDA); the other formats run on both",
    )
    parser.add_argument("--out", type=Path, default=OUT, help="output folder")
    parser.add_argument(
        "--dataset", choices=DATASETS, default="auto", help="to check and to evaluate with"
    )
    parser.add_argument("--data-root", type=Path, help="folder of bloodmnist.npz")
    parser.set_defaults(format=[])
    return parser


def _available_formats(asked: list[str], device: str) -> list[str]:
    """The requested formats, without those that cannot be made on this machine.

    A format that is named itself stays. The others are printed when they are left out.
    """
    formats = choose(["all" if name == INSTALLED else name for name in asked or ["all"]])
    for name in [name for name in formats if name not in asked]:
        problem = missing_compiler(name, device)
        reason = f"it {problem}" if problem else ""
        if INSTALLED in asked and not problem:
            reason = not_installed(name, device)
        if reason:
            print(f"{name} is left out: {reason}", file=sys.stderr)
            formats.remove(name)
    if not formats:
        raise ValueError("no framework is installed that something could be exported with")
    return formats


def _jobs(options: argparse.Namespace, formats: list[str]) -> list[Job]:
    if options.weights:
        named = with_unique_names([read_source(path) for path in options.weights])
        return _without_repeats([(source, name) for source in named for name in formats])
    trained = find_sources(TRAINED)
    available = trained + find_sources(PRETRAINED)
    if not available:
        raise WeightsError(
            f"no weights in {TRAINED} or {PRETRAINED}: train some with 'python -m train', "
            "or name a file"
        )
    jobs: list[Job] = []
    if options.comparison in ("same", "both"):
        jobs += [(best(available), name) for name in formats]
    if options.comparison in ("own", "both"):
        jobs += [
            (source, name)
            for source in own_training(trained)
            for name in formats
            if EXPORTERS[name].framework == source.framework
        ]
    sources = with_unique_names([source for source, _ in jobs])
    return _without_repeats(
        [(source, name) for source, (_, name) in zip(sources, jobs, strict=True)]
    )


def _of_sizes(jobs: list[Job], sizes: list[int] | None) -> list[Job]:
    """Every job for every requested size; the jobs themselves if there is none."""
    if not sizes:
        return jobs
    return [(replace(source, side=size), name) for source, name in jobs for size in sizes]


def _without_repeats(jobs: list[Job]) -> list[Job]:
    return list({(source.sha256, name): (source, name) for source, name in jobs}.values())


def _evaluations(
    sources: list[Source], options: argparse.Namespace
) -> dict[tuple[str, int], Evaluation]:
    """The evaluation files that the weights need, by data set and size."""
    evaluations: dict[tuple[str, int], Evaluation] = {}
    for source in sources:
        key = (source.dataset, source.size)
        if key in evaluations:
            continue
        name = options.dataset
        if name == "auto" and source.dataset == "synthetic":
            name = "synthetic"
        data = _test_images(source, name, options.data_root)
        if data.notice:
            print(f"*** {data.notice}", file=sys.stderr)
        evaluations[key] = write_evaluation(data, options.out.parent / INPUTS.name)
    return evaluations


def _test_images(source: Source, name: str, root: Path | None) -> Dataset:
    """The test images at the size to serve; enlarged ones where there is no file of that size."""
    if source.size == source.trained_size or name == "synthetic":
        return load_dataset(name, size=source.size, root=root)
    try:
        return load_dataset("bloodmnist", size=source.size, root=root)
    except DataError as error:
        if name == "bloodmnist":
            raise
        print(error, file=sys.stderr)
    return resized(load_dataset(name, size=source.trained_size, root=root), source.size)


def _export(
    jobs: list[Job], out: Path, evaluations: dict[tuple[str, int], Evaluation], device: str
) -> int:
    console = Console(stderr=True, highlight=False)
    failed = 0
    fitting = psutil.virtual_memory().available // _EXPORTER_BYTES
    pool = ThreadPoolExecutor(max_workers=max(1, min(fitting, cores())))
    try:
        futures: list[tuple[Job, Future[Built]]] = [
            (job, pool.submit(build, *job, out, evaluations[job[0].dataset, job[0].size], device))
            for job in jobs
        ]
        for number, ((source, name), future) in enumerate(futures, 1):
            head = f"[{number}/{len(jobs)}] {source.name} to {name}"
            try:
                with console.status(head):
                    built = future.result()
            except ExportError as error:
                failed += 1
                console.print(f"{head}: failed: {error}", style="red", markup=False, soft_wrap=True)
            else:
                most = f"{built.largest_difference:.1e}" if built.largest_difference else "0"
                console.print(
                    f"{head}: {built.folder}, differs from the framework's own prediction by "
                    f"at most {most}",
                    markup=False,
                    soft_wrap=True,
                )
    except KeyboardInterrupt:
        pool.shutdown(wait=True, cancel_futures=True)
        return 130
    finally:
        pool.shutdown()
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
