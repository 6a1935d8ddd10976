"""What a run and a gate are told to do: typed, checked, with the defaults of all options.

The command line and the functions for programs both make a config; nothing after them sees an
option. A field says how its value is read, so that both take the same values.
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
from .records.protocol import DEFAULT_TIMEOUT_S, PROTOCOLS, SCENARIOS
from .runtimes.registry import runtime_names
from .sandbox import trust as trusting
from .system.visible_cards import parse_device

ARTIFACTS = Path("artifacts")
RUNS = "runs"


@dataclass(frozen=True)
class Option:
    """How the value of a field is read.

    Attributes:
        parse: of one text; raises ValueError.
        several: whether there may be several values.
        choices: gives what it may be; nothing for anything that `parse` takes.
        switch: whether it is on or off.
        from_python: of the whole value that a program gives, where that is more than texts.
    """

    parse: Callable[[str], Any] = str
    several: bool = False
    choices: Callable[[], tuple[str, ...]] = tuple
    switch: bool = False
    from_python: Callable[[Any], Any] | None = None

    def read(self, value: Any) -> Any:
        """The value of the field for what a program gives.

        Raises:
            TypeError, ValueError: it is none; what is wrong with it, without the option's name.
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
            raise TypeError("is no single value")
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
    """What a run is told. None and empty take what the attribute says.

    Attributes:
        artifacts: artifacts, payloads, or folders of artifacts; empty for all below `artifacts/`.
        inputs: a file of arrays by input name; None takes what the artifacts name.
        random: the seed of inputs that are made up.
        samples: how many are made up.
        range, dim, map, loop, ignore, compare: what inputs and outputs are (docs/inputs.md).
        trust: artifacts or hashes that may execute code; empty for all, None for none.
        protocol: how much is measured.
        budget: seconds to measure for instead.
        resolve: the share that every interval is to be as narrow as.
        scenario: what is timed; empty takes the usual two.
        turns: bursts of each workload in a process.
        burst: seconds of a burst.
        batch: samples in a batch.
        device: "auto", "cpu", "cuda", "cuda:N" or "cuda:UUID".
        tf32: whether products of float32 may be calculated in TF32 on a GPU.
        threads: for each artifact; None for all cores.
        timeout: seconds for one answer of a worker.
        memory_limit: bytes for each worker; None for nine tenths of what is free.
        tolerance: the largest difference that passes; None goes by precision.
        reference: label of the artifact to compare with; None for the training's own.
        seed: of the order in each round.
        defaults: beside every artifact, measure it untuned.
        tried: FORMAT:SETTING=VALUE to measure beside every artifact of the format.
        python: [FORMAT:]NAME=PATH of interpreters to measure in beside this one.
        runtime: runs the artifacts that it takes, instead of their usual one.
        signature: [LABEL=]NAME of the function to call.
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
    ignore: tuple[str, ...] = _several()
    compare: tuple[str, ...] = _several()
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
    python: tuple[str, ...] = _several()
    runtime: str | None = _option(choices=lambda: tuple(runtime_names()))
    signature: tuple[str, ...] = _several()
    out: Path = _option(ARTIFACTS / RUNS, Path)

    @classmethod
    def from_keywords(cls, **given: Any) -> RunConfig:
        """The config that a program asks for; None takes the default.

        Raises:
            UsageError: there is no such option, or its value is none; it names the keyword.
        """
        return cls(**_read(cls, given))


def _margins(value: Any) -> dict[str, str]:
    margins = dict(value)
    for name, text in margins.items():
        check_margin(name, text)
    return margins


@dataclass(frozen=True)
class GateConfig:
    """What a gate is told.

    Attributes:
        run: how to measure.
        baseline: the baseline file.
        update: whether to take what is found into the baseline.
        against: the former artifacts, or folders of them.
        margins: how much worse is allowed, as texts by name.
        judged: the folder of a run to judge; None measures.
        strict: what cannot be judged keeps the gate from passing.
    """

    run: RunConfig
    baseline: Path = field(metadata={"option": Option(Path)})
    update: bool = _switch()
    against: tuple[Path, ...] = _several(Path)
    margins: Mapping[str, str] = field(
        default_factory=dict, metadata={"option": Option(from_python=_margins)}
    )
    judged: Path | None = _option(None, Path)
    strict: bool = _switch()

    @classmethod
    def from_keywords(cls, *, baseline: Any, **given: Any) -> GateConfig:
        """The config that a program asks for, with the options of a run among its own.

        Raises:
            UsageError: there is no such option, or its value is none; it names the keyword.
        """
        if baseline is None:
            raise UsageError("baseline=None: a gate needs a baseline file")
        own = {name: given.pop(name) for name in options_of(cls) if name in given}
        run = RunConfig.from_keywords(**given)
        return cls(run=run, **_read(cls, {"baseline": baseline, **own}))


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
