"""Why outputs fail, in a line."""

from __future__ import annotations

from ..parity.lone_rows import lone_rows_text
from ..parity.whole_calls import named_samples
from ..records.agreement import OutputDifference
from ..records.parity_events import ParityJudged


def parity_reason(parity: ParityJudged, against: str) -> str:
    """Say by how much, in how many values and where the worst output differs."""
    text = (
        f"differs from {against} by {parity.largest_difference:.2g}, more than {parity.tolerance:g}"
    )
    failing = {name: output for name, output in parity.by_output.items() if not output.passed}
    worst = next(
        (
            name
            for name, output in failing.items()
            if output.largest_difference == parity.largest_difference
            or output.largest_difference != output.largest_difference  # NaN
        ),
        None,
    )
    if worst is not None and any(failing[worst].lone_rows):
        return f"differs from {against}: " + _rows(worst, failing[worst])
    if worst is None or not failing[worst].values:
        return text
    if failing[worst].texts:
        return f"differs from {against}" + _where(worst, failing[worst])
    return text + _where(worst, failing[worst])


def _rows(name: str, output: OutputDifference) -> str:
    text = f"{lone_rows_text(name, output.lone_rows)}, of {output.rows:,}"
    if output.rows_beyond:
        text += f"; {output.rows_beyond:,} others differ by more than {output.tolerance:g}"
    if output.allowed_share is not None:
        text += f" (--allow lets {output.allowed_share:g} of them differ)"
    return text


def _where(name: str, output: OutputDifference) -> str:
    kind = "texts" if output.texts else "values"
    text = f", in {output.beyond:,} of {output.values:,} {kind} of '{name}'"
    if output.allowed_share is not None:
        text += f" ({output.beyond / output.values:.3g} of them, --allow lets "
        text += f"{output.allowed_share:g} differ)"
    if output.at:
        place = f" at [{', '.join(map(str, output.at[1:]))}]" if len(output.at) > 1 else ""
        rank = "as in" if output.texts else "most in"
        text += f", {rank} {named_samples(output.at[0], output.call_samples)}{place}"
    if output.texts:
        text += ": '{}' instead of '{}'".format(*output.texts)
    return text
