"""The options of `run` and `gate`: add them to a parser, and convert them to a config."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from ..config import GateConfig, Option, RunConfig, options_of
from ..errors import UsageError
from ..gating.margins import DEFAULTS, MEANING, check_margin
from ..metrics.tasks import TASKS
from ..quantities import duration
from ..records.protocol import DEFAULT_SCENARIOS, SCENARIOS
from ..steps.planning import LONGEST_S
from . import common_options, input_options
from .types import argument_type

# argparse reports errors of these itself.
_PLAIN_TYPES = (str, int, float, Path)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run`, which `gate` has too."""
    add = partial(_add, parser, RunConfig)
    add(
        "artifacts",
        "artifacts",
        metavar="ARTIFACT",
        help="artifact, payload, or a folder of artifacts (default: all below artifacts/)",
    )
    group = parser.add_argument_group("inputs and outputs")
    add = partial(_add, group, RunConfig)
    add(
        "inputs",
        "--inputs",
        metavar="FILE",
        help=".npz of arrays by input name, and 'labels' if there are, or .npy of the one input; a "
        "folder of images, .parquet, .arrow, a folder that datasets has saved, .toml that "
        "describes these, or file.py:function that yields batches (docs/inputs.md; default: what "
        "the artifacts name)",
    )
    input_options.add(group)
    group = parser.add_argument_group("how good and how equal outputs are")
    add = partial(_add, group, RunConfig)
    add(
        "task",
        "--task",
        metavar="NAME [ROLE=OUTPUT]",
        help=f"what the outputs are for, of which metrics are calculated: {', '.join(TASKS)}; "
        "behind it, where several outputs would do, which one is meant, as segmentation mask=out, "
        "or what a detector's boxes are, as detection format=xywh "
        "(docs/metrics.md)",
    )
    add(
        "metric",
        "--metric",
        metavar="FILE:FUNCTION",
        help="metrics of your own, as score.py:dice, or score.py:error:lower where a lower value "
        "is better (docs/metrics.md)",
    )
    add("tolerance", "--tolerance", help="largest difference that passes (default: by precision)")
    add("reference", "--reference", help="artifact to compare with (default: the training's own)")
    group = parser.add_argument_group("how much is measured")
    add = partial(_add, group, RunConfig)
    add("protocol", "--protocol", help="how much (default: quick)")
    add(
        "budget",
        "--budget",
        metavar="TIME",
        help="measure for so long instead, as 10m or 90s",
    )
    add(
        "resolve",
        "--resolve",
        metavar="SHARE",
        help="measure until every interval is as narrow as this, as 3%% (of the ratio, either "
        f"side; at most {duration(LONGEST_S)} unless --budget says otherwise)",
    )
    add(
        "scenario",
        "--scenario",
        help="what is timed: "
        + "; ".join(f"{name}: {what}" for name, what in SCENARIOS.items())
        + f" (default: {' '.join(DEFAULT_SCENARIOS)})",
    )
    add("turns", "--turns", metavar="N", help="bursts of each kind in a process")
    add(
        "burst",
        "--burst",
        metavar="TIME",
        help="how long the calls of a burst take together, as 0.2s",
    )
    add("batch", "--batch", help="samples in a batch (default: 128)")
    add("seed", "--seed", help="of the order in each round")
    group = parser.add_argument_group("how artifacts are run")
    add = partial(_add, group, RunConfig)
    common_options.add_trust(group)
    common_options.add_device(group)
    add(
        "tf32",
        "--tf32",
        help="let all runtimes calculate products of float32 in TF32 on a GPU (default: none may)",
    )
    add("threads", "--threads", help="for each artifact (default: all cores)")
    add(
        "timeout",
        "--timeout",
        metavar="TIME",
        help="for one answer (default: 5m)",
    )
    add(
        "memory_limit",
        "--memory-limit",
        metavar="SIZE",
        help="for each artifact's process, as 2GB (default: nine tenths of what is free)",
    )
    group = parser.add_argument_group("runtimes and their settings")
    add = partial(_add, group, RunConfig)
    add(
        "defaults",
        "--defaults",
        help="beside every artifact, measure it with its runtime left as it comes",
    )
    add(
        "tried",
        "--try",
        metavar="FORMAT:SETTING=VALUE",
        help="beside every artifact of a format, measure it with a setting of its runtime, as "
        "onnx:spinning=off (docs/runtimes.md)",
    )
    add(
        "settings",
        "--set",
        metavar="FORMAT:SETTING=VALUE",
        help="measure every artifact of a format with a setting of its runtime instead, as "
        "litert:tensors=raw",
    )
    add(
        "python",
        "--python",
        metavar="[FORMAT:]NAME=PATH",
        help="beside every artifact (of a format), measure it in another Python interpreter with "
        "a runtime of its own, as old=/venv/bin/python (docs/runtimes.md)",
    )
    add(
        "runtime",
        "--runtime",
        help="run the artifacts that it takes in this one instead of their usual one, as openvino "
        "for ONNX files (to have both: --try onnx:runtime=openvino)",
    )
    add(
        "signature",
        "--signature",
        metavar="[LABEL=]NAME",
        help="function to call in files that have several (exportbench inspect lists them)",
    )
    group = parser.add_argument_group("what the run leaves")
    add = partial(_add, group, RunConfig)
    add(
        "why",
        "--why",
        help="after the run, profile the fastest and the slowest artifact: where the time of a "
        "call goes, by operator and layer (docs/profile.md)",
    )
    add(
        "save_outputs",
        "--save-outputs",
        nargs="?",
        const="npy",
        help="keep the outputs of all artifacts in the folder of the run, as .npy files or as "
        "Parquet (docs/outputs.md; default: npy; without this option they go when they are judged)",
    )
    group.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="go on with a run that was cut off, or make it longer with --budget or --resolve; "
        "--trust, --python and --metric are to be given again",
    )
    add("out", "--out", help="folder of the runs")
    common_options.add_json(group)


def add_gate_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `gate` has in addition to those of `run`."""
    group = parser.add_argument_group("the gate")
    add = partial(_add, group, GateConfig)
    add("baseline", "--baseline", required=True, metavar="FILE", help="JSON that is committed")
    add(
        "update",
        "--update",
        help="take what this run finds into the baseline, unless it is much worse; artifacts that "
        "are not in this run are kept",
    )
    add(
        "accept",
        "--accept",
        metavar="REASON",
        help="with --update: take what is much worse too; the reason is kept in the baseline",
    )
    add(
        "drop",
        "--drop",
        metavar="LABEL",
        help="with --update: take artifacts out of the baseline",
    )
    add(
        "against",
        "--against",
        metavar="FORMER",
        help="the former artifacts, or folders of them: measured in the same run, they are what "
        "latency is judged by; without them time is not judged",
    )
    group.add_argument(
        "--margin",
        dest="margins",
        nargs="+",
        action="extend",
        default=[],
        metavar="CHECK=VALUE",
        help="how much worse is allowed, or 'off': "
        + "; ".join(
            f"{name}: {MEANING[name]} (default: {DEFAULTS[name]})" for name in DEFAULTS
        ).replace("%", "%%")
        + "; any metric by its name, as mean_iou=1%%: share of the baseline's value that may be "
        "lost (default: 1%% of those that the task is judged by)",
    )
    add("judged", "--run", metavar="RUN", help="judge this run; measure nothing")
    add("strict", "--strict", help="status 4 too where something cannot be judged")
    group.add_argument("--markdown", type=Path, metavar="FILE", help="for a pull request")
    group.add_argument("--junit", type=Path, metavar="FILE", help="as JUnit's XML")


def add_profile_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `profile`: those of a run that say what is called, and how."""
    add = partial(_add, parser, RunConfig)
    add("artifacts", "artifacts", metavar="ARTIFACT", help="as for run")
    add(
        "inputs",
        "--inputs",
        metavar="FILE",
        help="as for run (default: what the artifacts name, else made up)",
    )
    input_options.add(parser)
    common_options.add_trust(parser)
    add("batch", "--batch", help="samples in a call (default: 128)")
    common_options.add_device(parser)
    add("tf32", "--tf32", help="let products of float32 be calculated in TF32 on a GPU")
    common_options.add_threads(parser)
    add("timeout", "--timeout", metavar="TIME", help="for one answer (default: 5m)")
    for keyword, flag, metavar in (
        ("tried", "--try", "FORMAT:SETTING=VALUE"),
        ("settings", "--set", "FORMAT:SETTING=VALUE"),
        ("python", "--python", "[FORMAT:]NAME=PATH"),
        ("signature", "--signature", "[LABEL=]NAME"),
    ):
        add(keyword, flag, metavar=metavar, help="as for run")
    add("runtime", "--runtime", help="as for run")


def profile_config(options: argparse.Namespace) -> RunConfig:
    """Make a config from the options of `profile`."""
    return RunConfig(**_values(RunConfig, options))


def run_config(options: argparse.Namespace) -> RunConfig:
    """Make a config from the options of `run`."""
    return RunConfig(**_values(RunConfig, options))


def gate_config(options: argparse.Namespace) -> GateConfig:
    """Make a config from the options of `gate`.

    Raises:
        UsageError: a margin is invalid, or --resume is given.
    """
    margins = {}
    for text in options.margins:
        name, _, value = text.partition("=")
        try:
            check_margin(name, value)
        except ValueError as error:
            raise UsageError(f"--margin {text}: {error}") from None
        margins[name] = value
    if options.resume:
        raise UsageError(
            "gate: go on with 'exportbench run --resume RUN', and judge the run with --run RUN"
        )
    values = _values(GateConfig, options) | {"margins": margins}
    return GateConfig(run=run_config(options), **values)


def parse_gate_config(words: Sequence[str]) -> GateConfig:
    """Make a config from the arguments of `exportbench gate`.

    Raises:
        ValueError: an argument is no option of the command.
        UsageError: a value is invalid.
    """
    parser = _RaisingParser(add_help=False)
    add_run_options(parser)
    add_gate_options(parser)
    return gate_config(parser.parse_args(words))


class _RaisingParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _add(
    parser: argparse._ActionsContainer,
    config: type[RunConfig | GateConfig],
    keyword: str,
    flag: str,
    **texts: Any,
) -> None:
    """Add an option for a field of a config."""
    field = next(field for field in dataclasses.fields(config) if field.name == keyword)
    option: Option = options_of(config)[keyword]
    if flag.startswith("-"):
        texts["dest"] = keyword
    if option.switch:
        parser.add_argument(flag, action="store_true", **texts)
        return
    texts["type"] = option.parse if option.parse in _PLAIN_TYPES else argument_type(option.parse)
    if choices := option.choices():
        texts["choices"] = choices
    if not option.several:
        if not texts.get("required"):
            texts["default"] = field.default
        parser.add_argument(flag, **texts)
    elif flag.startswith("-"):
        parser.add_argument(flag, nargs="+", action="extend", default=[], **texts)
    else:
        parser.add_argument(flag, nargs="*", **texts)


def _values(config: type[RunConfig | GateConfig], options: argparse.Namespace) -> dict[str, Any]:
    values = {name: getattr(options, name) for name in options_of(config) if name in options}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
