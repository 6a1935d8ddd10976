"""Tables of where the time of a call goes, by operator."""

from __future__ import annotations

import re
from typing import Any

from study.tables import table

# The kinds of operators, by what their names have in them; the first that fits counts.
_KINDS = {
    "convolution": r"conv|ynn|mkldnn",
    "layout": r"reorder|transpose|copy|pad|concat|contiguous|to_dense|slice|bitcast",
    "dense and softmax": r"gemm|dot|matmul|addmm|linear|softmax|exp",
    "pooling": r"max|reduce|pool",
    "normalization and element by element": r"norm|relu|add|mul|sub|fusion|sum|clamp|broadcast",
}
_OTHER = "other"
KINDS = (*_KINDS, _OTHER)


def kind_of(operator: str) -> str:
    """The kind of an operator of any profiler."""
    for kind, pattern in _KINDS.items():
        if re.search(pattern, operator, re.IGNORECASE):
            return kind
    return _OTHER


def shares(operators: dict[str, float]) -> dict[str, float]:
    """The share of each kind in the seconds of operators."""
    sums = dict.fromkeys(KINDS, 0.0)
    for operator, seconds in operators.items():
        sums[kind_of(operator)] += seconds
    total = sum(operators.values())
    return {kind: seconds / total for kind, seconds in sums.items()}


def profiles(measured: dict[str, Any]) -> str:
    """The share of each kind of operators in what the profiler saw of a call."""
    lines = []
    for artifact, batches in measured["artifacts"].items():
        for batch, profile in batches.items():
            seen = sum(profile["operators"].values()) / profile["call_s"]
            cells = [
                f"{share:.0%}" if share else "-" for share in shares(profile["operators"]).values()
            ]
            lines.append([f"{artifact}, batch {batch}", *cells, f"{seen:.2f}"])
    return table(["artifact", *KINDS, "operators over a call"], lines)


def operators(measured: dict[str, Any], batch: str = "128", most: int = 4) -> str:
    """The operators that take longest, of each artifact."""
    lines = []
    for artifact, batches in measured["artifacts"].items():
        by_operator = batches[batch]["operators"]
        total = sum(by_operator.values())
        for operator, seconds in list(by_operator.items())[:most]:
            lines.append([f"{artifact}: `{operator}`", kind_of(operator), f"{seconds / total:.0%}"])
    return table([f"operator, batch {batch}", "kind", "share"], lines)
