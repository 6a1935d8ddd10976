"""Notes of the parity stage on an artifact."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..parity.beyond_tolerance import samples_beyond
from ..parity.element_differences import element_differences
from ..parity.row_pairs import PairedOutputs
from ..parity.whole_calls import WholeCall
from ..records.parity_events import AnchorMeasured
from ..records.processes import Repeat
from ..tensors.comparison_options import RowSet
from ..tensors.outputs import Outputs


def allowed_notes(
    outputs: Outputs,
    expected: Outputs,
    by_output: Mapping[str, Mapping[str, Any]],
    calls: Mapping[str, Sequence[WholeCall]],
    absolute: Collection[str] = (),
) -> list[str]:
    """Notes about the values that differ where the user has allowed a share."""
    notes = []
    for name, output in by_output.items():
        if output.get("allowed_share") is None or not output["beyond"]:
            continue
        apart = element_differences(
            *(outputs[name], expected[name], output["tolerance"]),
            absolute=name in absolute,
            calls=calls.get(name),
        )
        where = samples_beyond(apart.unit_beyond, calls.get(name))
        notes.append(
            f"{name}: {output['beyond']:,} of {output['values']:,} values differ, {where} (--allow "
            f"lets {output['allowed_share']:.3g} of them)"
        )
    return notes


def set_notes(row_sets: Sequence[RowSet], paired: PairedOutputs) -> list[str]:
    """Notes about the outputs whose rows were compared as sets."""
    notes = []
    for row_set in row_sets:
        if row_set.output in paired.lone:
            lone = paired.lone[row_set.output]
            names = ", ".join(f"'{name}'" for name in row_set.names)
            notes.append(
                f"rows of {names} were compared as sets: "
                f"{lone.rows - lone.outputs - lone.expected:,} of {lone.rows:,} have a partner"
            )
    return notes


def anchor_note(anchor: AnchorMeasured) -> str:
    """The note about an artifact that is the reference on the CPU."""
    return (
        f"was run on the CPU too ({anchor.samples:,} samples in {anchor.seconds:.3g} s "
        f"with {anchor.threads} threads): outputs are judged against its outputs there"
    )


def state_note(
    changed: Mapping[str, float | None], repeat: Repeat, *, independent: bool = False
) -> str:
    """The note about a model that keeps a state between calls.

    Args:
        changed: by how much each output changes.
        repeat: the repeated calls.
        independent: whether each call is made from the state after loading.
    """
    labels = repeat.changed_labels
    other = f", {labels:,} of them with another label" if labels else ""
    remedy = "" if independent else "; --independent resets it before each call"
    return (
        f"keeps a state: {named_changes(changed)} when calls are repeated in another order, in "
        f"{repeat.changed_samples:,} of {repeat.samples:,} samples{other}; what is compared is "
        f"what it gave first, from a fresh load{remedy}"
    )


def named_changes(changes: Mapping[str, float | None]) -> str:
    """Outputs with the sizes of their changes."""
    by = [
        f"'{name}' changes" + (f" by {v:.2g}" if v is not None else "")
        for name, v in changes.items()
    ]
    return ", ".join(by)
