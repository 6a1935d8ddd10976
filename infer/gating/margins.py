"""The margins: how much worse than its baseline an artifact may be, by kind of check."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ..metrics.tasks import is_built_in

_SHARE = r"(\d{1,9}(?:\.\d{1,6})?)\s*(%?)"
OFF = "off"
BY_PRECISION = "by precision"
# By what the former artifact must be the baseline's.
HASH, OUTPUTS = "hash", "outputs"
# The names of margins in a baseline file and on the command line.
DEFAULTS = {
    "former": HASH,
    "parity": BY_PRECISION,
    "accuracy": "1%",
    "latency": "10%",
    "memory": "20%",
    "size": "5%",
}
MEANING = {
    "former": "by what the former artifact must be the baseline's: hash, or outputs for one that "
    "was exported again",
    "parity": "largest difference of an output value, as 1e-4",
    "accuracy": "share of the baseline's accuracy that may be lost; 1% and 0.1% are MLPerf's",
    "latency": "share that a call may take longer than the former artifact's",
    "memory": "share that the peak of memory may grow by",
    "size": "share that the files may grow by",
}
# Of a metric, which has its own name: the share of the baseline's value that may be lost.
METRIC = "1%"
_METRIC_NAME = r"[A-Za-z][\w-]{0,99}"


@dataclass(frozen=True)
class Margins:
    """The margins for one artifact.

    Attributes:
        former: `HASH` or `OUTPUTS`.
        parity: largest difference of a value; None to derive it from the artifact's precision.
        accuracy, latency, memory, size: margins as shares.
        off: kinds and metrics that are not judged.
        metrics: margins of metrics that are named, as shares, by their names in small letters.
    """

    former: str
    parity: float | None
    accuracy: float
    latency: float
    memory: float
    size: float
    off: frozenset[str]
    metrics: Mapping[str, float] = field(default_factory=dict)

    def metric(self, name: str) -> float:
        """The share of a metric's value that may be lost."""
        return self.metrics.get(name.lower(), _share(METRIC))

    def is_named(self, name: str) -> bool:
        """Whether a margin of a metric is stated, so that it is judged."""
        return name.lower() in self.metrics

    @classmethod
    def from_texts(cls, *layers: Mapping[str, str]) -> Margins:
        """Parse margins from layers of texts, of which later ones take precedence.

        Raises:
            ValueError: a name or value is invalid; one line.
        """
        texts = dict(DEFAULTS)
        for layer in layers:
            for name, text in layer.items():
                check_margin(name, text)
                texts[name if name in DEFAULTS else name.lower()] = text
        off = frozenset(name for name, text in texts.items() if text == OFF)
        texts |= {name: DEFAULTS.get(name, METRIC) for name in off}
        former, parity = texts.pop("former"), texts.pop("parity")
        shares = {name: _share(text) for name, text in texts.items()}
        metrics = {name: shares.pop(name) for name in [*shares] if name not in DEFAULTS}
        value = None if parity == BY_PRECISION else float(parity)
        return cls(former, value, **shares, off=off, metrics=metrics)


def check_names(names: Iterable[str], metrics: Collection[str]) -> None:
    """Check that margins are of what is judged.

    Args:
        names: names of margins.
        metrics: names of the user's own metrics and of those in the baseline; built-in ones are
            known.

    Raises:
        ValueError: there is no such margin; one line.
    """
    known = {*DEFAULTS, *(name.lower() for name in metrics)}
    for name in names:
        if name not in known and name.lower() not in known and not is_built_in(name.lower()):
            listed = ", ".join([*DEFAULTS, *metrics])
            raise ValueError(
                f"there is no margin '{name}' (there are {listed}, and the metrics of --task)"
            )


def check_margin(name: str, text: object) -> None:
    """Check one margin; a name that is none of `DEFAULTS` is that of a metric.

    Raises:
        ValueError: the margin cannot be, or its value is invalid; one line.
    """
    if name not in DEFAULTS and not re.fullmatch(_METRIC_NAME, name, re.ASCII):
        raise ValueError(f"there is no margin '{name}' (there are {', '.join(DEFAULTS)})")
    if not isinstance(text, str):
        raise ValueError(
            f"the margin '{name}' is {text!r}, not a text such as \"{DEFAULTS.get(name, METRIC)}\""
        )
    if text == OFF or (name == "parity" and text == BY_PRECISION):
        return
    if name == "former":
        if text not in (HASH, OUTPUTS):
            raise ValueError(f"the margin 'former' is {text!r}, not {HASH} or {OUTPUTS} (or off)")
        return
    if name == "parity":
        if not re.fullmatch(r"\d+(\.\d+)?(e-?\d{1,2})?", text, re.ASCII):
            raise ValueError(f"the margin 'parity' is {text!r}, not a number such as 1e-4 (or off)")
        return
    if not re.fullmatch(_SHARE, text, re.ASCII):
        raise ValueError(f"the margin '{name}' is {text!r}, not a share such as 5% (or off)")
    share = _share(text)
    if "%" not in text and share >= 1:
        raise ValueError(
            f"the margin '{name}' is {text!r}, which would be {share:.0%}: write {text}%, or "
            f"{share:.0%} if that is meant"
        )


def _share(text: str) -> float:
    match = re.fullmatch(_SHARE, text, re.ASCII)
    assert match
    return float(match[1]) / (100 if match[2] else 1)
