"""The configs of a run and a gate: all options, typed and checked, with their defaults.

The command line and the Python functions both make a config; later code sees no options. A field
defines how its value is parsed, so that both accept the same values.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

from .errors import UsageError
from .gating.margins import check_margin
from .quantities import parse_bytes, parse_duration, parse_positive, parse_share, parse_whole
from .records.output_form import OUTPUT_FORMS, OutputForm
from .records.protocol import DEFAULT_TIMEOUT_S, PROTOCOLS, SCENARIOS
from .runtimes.registry import runtime_names
from .sandbox import trust as trusting
from .system.visible_cards import parse_device

ARTIFACTS = Path("artifacts")
RUNS = "runs"


@dataclass(frozen=True)
class Option:
    """How the value of a field is parsed.

    Attributes:
        parse: parses one text; raises ValueError.
        several: whether there may be several values.
        choices: returns the allowed values; empty if `parse` decides.
        switch: whether it is a switch without a value.
        from_python: converts a value given in Python, if it can be more than texts.
    """

    parse: Callable[[str], Any] = str
    several: bool = False
    choices: Callable[[], tuple[str, ...]] = tuple
    switch: bool = False
    from_python: Callable[[Any], Any] | None = None

    def read(self, value: Any) -> Any:
        """Convert a value given in Python to the value of the field.

        Raises:
            TypeError, ValueError: it is invalid; the message does not name the option.
        """
        if self.from_python:
            return self.from_python(value)
        if self.switch:
            return bool(value)
        if self.several:
            values = [value] if isinstance(value, str | os.PathLike) else list(value)
            return tuple(map(self._read_one, values))
        return self._read_one(value)

    def _read_one(self, value: Any) -> Any:
        if not isinstance(value, str | Real | os.PathLike):
            raise TypeError("not a single value")
        choices = self.choices()
        if choices and value not in choices:
            raise ValueError(f"choose from {', '.join(choices)}")
        return self.parse(str(value))


def _option(default: Any = None, parse: Callable[[str], Any] = str, **how: Any) -> Any:
    return field(default=default, metadata={"option": Option(parse, **how)})


def _several(parse: Callable[[str], Any] = str, **how: Any) -> Any:
    return _option((), parse, several=True, **how)


def _switch() -> Any:
    return _option(False, switch=True)


def _trust(value: Any) -> tuple[str, ...] | None:
    texts = trusting.from_python(value)
    return None if texts is None else tuple(texts)


@dataclass(frozen=True)
class RunConfig:
    """The config of a run. Attributes say what None and empty mean.

    Attributes:
        artifacts: artifacts, payloads, or folders of artifacts; empty for all below `artifacts/`.
        inputs: a file of arrays by input name; None for the files that the artifacts name.
        random: the seed of random inputs.
        samples: number of random samples.
        range, dim, map, loop, whole, ignore, compare, rows, allow: options about inputs and
            outputs (docs/inputs.md).
        task: NAME of a task, and behind it ROLE=OUTPUT (docs/metrics.md); empty guesses.
        metric: FILE:FUNCTION of metrics of the user's own.
        independent: whether each call begins from the state after loading.
        trust: artifacts or hashes that may execute code; empty for all, None for none.
        protocol: how much is measured.
        budget: seconds to measure for, instead of the protocol's repetitions.
        resolve: half-width of the widest interval at which the run ends, as a share.
        scenario: scenarios to time; empty for the default two.
        turns: bursts of each workload in a process.
        burst: seconds of a burst.
        batch: samples in a batch.
        device: "auto", "cpu", "cuda", "cuda:N" or "cuda:UUID".
        tf32: whether products of float32 may be calculated in TF32 on a GPU.
        threads: number of threads for each artifact; None for all cores.
        timeout: seconds for one answer of a worker.
        memory_limit: bytes for each worker; None for nine tenths of the free memory.
        tolerance: the largest difference that passes; None to derive it from the precision.
        reference: label of the artifact to compare with; None for the training's own format.
        seed: seed of the order in each round.
        defaults: whether to measure every artifact with its runtime's own defaults too.
        tried: FORMAT:SETTING=VALUE to measure in addition for every artifact of the format.
        settings: FORMAT:SETTING=VALUE to measure every artifact of the format with, alone.
        python: [FORMAT:]NAME=PATH of further interpreters to measure in.
        runtime: runtime for the artifacts that it takes, instead of their default.
        signature: [LABEL=]NAME of the function to call.
        why: whether to profile the fastest and the slowest artifact after the run.
        save_outputs: "npy" or "parquet" to keep the outputs; None removes what is judged.
        out: the folder of the runs.
    """

    artifacts: tuple[Path, ...] = _several(Path)
    inputs: Path | None = _option(None, Path)
    random: int | None = _option(None, parse_whole)
    samples: int | None = _option(None, parse_positive)
    range: tuple[str, ...] = _several()
    dim: tuple[str, ...] = _several()
    map: tuple[str, ...] = _several()
    loop: tuple[str, ...] = _several()
    whole: tuple[str, ...] = _several()
    independent: bool = _switch()
    ignore: tuple[str, ...] = _several()
    compare: tuple[str, ...] = _several()
    rows: tuple[str, ...] = _several()
    allow: tuple[str, ...] = _several()
    task: tuple[str, ...] = _several()
    metric: tuple[str, ...] = _several()
    trust: tuple[str, ...] | None = _option(None, from_python=_trust)
    protocol: str = _option("quick", choices=lambda: tuple(PROTOCOLS))
    budget: float | None = _option(None, parse_duration)
    resolve: float | None = _option(None, parse_share)
    scenario: tuple[str, ...] = _several(choices=lambda: tuple(SCENARIOS))
    turns: int | None = _option(None, parse_positive)
    burst: float | None = _option(None, parse_duration)
    batch: int = _option(128, parse_positive)
    device: str = _option("auto", parse_device)
    tf32: bool = _switch()
    threads: int | None = _option(None, parse_positive)
    timeout: float = _option(DEFAULT_TIMEOUT_S, parse_duration)
    memory_limit: int | None = _option(None, parse_bytes)
    tolerance: float | None = _option(None, float)
    reference: str | None = _option()
    seed: int = _option(0, int)
    defaults: bool = _switch()
    tried: tuple[str, ...] = _several()
    settings: tuple[str, ...] = _several()
    python: tuple[str, ...] = _several()
    runtime: str | None = _option(choices=lambda: tuple(runtime_names()))
    signature: tuple[str, ...] = _several()
    why: bool = _switch()
    save_outputs: OutputForm | None = _option(choices=lambda: OUTPUT_FORMS)
    out: Path = _option(ARTIFACTS / RUNS, Path)

    @classmethod
    def from_keywords(cls, **given: Any) -> RunConfig:
        """The config that a program asks for; None takes the default.

        Raises:
            UsageError: there is no such option, or its value is not valid; it names the keyword.
        """
        return cls(**_read(cls, given))


def _margins(value: Any) -> dict[str, str]:
    margins = dict(value)
    for name, text in margins.items():
        check_margin(name, text)
    return margins


@dataclass(frozen=True)
class GateConfig:
    """The config of a gate.

    Attributes:
        run: config of the run.
        baseline: the baseline file.
        update: whether to write the results to the baseline.
        accept: why to take what is much worse into the baseline; None to refuse it.
        drop: labels of artifacts to take out of the baseline.
        against: former artifacts, or folders of them.
        margins: how much worse an artifact may be, as texts by name.
        judged: the folder of a run to judge; None to measure.
        strict: whether a check that cannot be judged keeps the gate from passing.
    """

    run: RunConfig
    baseline: Path = field(metadata={"option": Option(Path)})
    update: bool = _switch()
    accept: str | None = _option()
    drop: tuple[str, ...] = _several()
    against: tuple[Path, ...] = _several(Path)
    margins: Mapping[str, str] = field(
        default_factory=dict, metadata={"option": Option(from_python=_margins)}
    )
    judged: Path | None = _option(None, Path)
    strict: bool = _switch()

    @classmethod
    def from_keywords(cls, *, baseline: Any, **given: Any) -> GateConfig:
        """Make a config from keywords, including the options of a run.

        Raises:
            UsageError: there is no such option, or its value is not valid; it names the keyword.
        """
        if baseline is None:
            raise UsageError("baseline=None: a gate needs a baseline file")
        gate_options = {name: given.pop(name) for name in options_of(cls) if name in given}
        run = RunConfig.from_keywords(**given)
        return cls(run=run, **_read(cls, {"baseline": baseline, **gate_options}))


def options_of(config: type[Any]) -> dict[str, Option]:
    """The options of a config, by keyword."""
    return {
        field.name: field.metadata["option"]
        for field in dataclasses.fields(config)
        if "option" in field.metadata
    }


def _read(config: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    options = options_of(config)
    values = {}
    for name, value in given.items():
        if name not in options:
            raise UsageError(f"there is no option '{name}'")
        if value is None:
            continue
        try:
            values[name] = options[name].read(value)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{name}={value!r}: {error}") from None
    return values
