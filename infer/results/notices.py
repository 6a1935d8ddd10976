"""Important notices for the reader of a run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ..artifacts.manifest import Manifest
from ..best_effort import best_effort
from ..escaping import shell_word
from ..records.protocol import NOTICES
from ..records.run_events import RunStarted
from ..stats import clocks
from ..stats.disturbance import DISTURBED, NOTICEABLE_DRIFT, machine_drift, turns_of
from .metric_notices import metric_notices
from .neighbours import neighbour_notices
from .record_index import RecordIndex
from .reproduction import bisect_command
from .summary import card_of
from .unused import unused_arrays, unused_options

_SAMPLES_TO_BISECT = 128  # whose tensors inside fit into memory in most cases


def _manifest_notices(manifest: Manifest, run: RunStarted) -> Iterator[str]:
    """What a manifest has to say of the artifact, and of its inputs where the run has these."""
    yield from manifest.notices
    stated = manifest.evaluation
    own = run.inputs is None and run.random is None
    if stated and stated.notice and (own or run.inputs_sha256 == stated.sha256):
        yield stated.notice


def notices(index: RecordIndex) -> list[str]:
    """All notices of a run, the most important first."""
    run = index.run
    texts = list(run.notices)
    texts += [NOTICES[run.protocol.name]] if run.protocol.name in NOTICES else []
    for artifact in index.artifacts.values():
        for notice in _manifest_notices(artifact.manifest, run) if artifact.manifest else ():
            if notice not in texts:
                texts.append(notice)
    for find in (
        unknown_information,
        state_notices,
        random_notices,
        neighbour_notices,
        metric_notices,
        tolerance_notices,
        quantisation_notices,
        overflow_notices,
        probe_notices,
        unused_arrays,
        unused_options,
        drift_notices,
        anchor_notices,
        isolation_notices,
        clock_notices,
        turn_notices,
    ):
        texts += best_effort(partial(find, index), [], partial(_missing, texts))
    if index.interrupted:
        texts.append(
            "INTERRUPTED: the run was cut off; what is shown is what was measured. "
            "It goes on with 'exportbench run --resume RUN', where RUN is its folder."
        )
    return texts


def _missing(texts: list[str], error: Exception) -> None:
    texts.append(f"NOTICES MISSING: some could not be made ({type(error).__name__}: {error}).")


def state_notices(index: RecordIndex) -> list[str]:
    """Questions about states: an input that looks like one, and steps that are called at once."""
    texts = []
    for label, preflight in index.preflights.items():
        if loops := preflight.repeat.possible_loops:
            pairs = ", ".join("'{}' like the next '{}'".format(*loop.split("=")) for loop in loops)
            options = " ".join(shell_word(f"{label}:{loop}") for loop in loops)
            texts.append(
                f"A STATE? Of {label}, {pairs} in form and name, which every call got the same. If "
                f"it is a state, samples are steps: --loop {options}, and the first state alone, "
                "or none, in the file."
            )
    looped = [
        label
        for label, preflight in index.preflights.items()
        if preflight.inputs.has_state_bindings
    ]
    batch = index.run.protocol.batch
    for label, preflight in index.preflights.items():
        inside = label not in looped and preflight.repeat.changed_samples
        if looped and inside and batch > 1 and preflight.inputs.only_batch is None:
            texts.append(
                f"STEPS AT ONCE? {label} keeps its state inside and got {batch} steps a call, "
                f"{looped[0]} one: --batch 1 gives one to each."
            )
    return texts


def unknown_information(index: RecordIndex) -> list[str]:
    """Notices about what could not be found out."""
    return [
        f"UNKNOWN: {f'{event.artifact}: ' if event.artifact else ''}{event.what} ({event.reason})."
        for event in index.unknown
    ]


def clock_notices(index: RecordIndex) -> list[str]:
    """A notice if the user has set the card's clocks."""
    card = card_of(index.run)
    if not (index.user_clocks or (card and card.user_clocks)):
        return []
    return [
        f"CLOCKS OF THE USER: the clocks of {card.name if card else 'the card'} keep to a setting "
        "(nvidia-smi -q -d CLOCK); as it comes, it may be faster or slower."
    ]


def probe_notices(index: RecordIndex) -> list[str]:
    """Notices about the inputs and the reference that cast doubt on all results of parity."""
    texts = []
    if index.random:
        drawn = ", ".join(index.random.notes) or "the artifacts take none"
        seed = index.run.random.seed if index.run.random else None
        texts.append(
            f"RANDOM INPUTS: made up with seed {seed} ({drawn}). Agreement on them may "
            "say little of real data."
        )
    for label, parity in index.parities.items():
        compared = any(
            other.reference == label and (name != label or other.anchor)
            for name, other in index.parities.items()
        )
        for doubt in parity.doubts if compared else ():
            texts.append(
                f"DOUBTFUL PROBE: of {label}, {doubt}. A bad export can agree with that, and a "
                "good one differ: take other inputs."
            )
    for label, rounding in index.roundings.items():
        if rounding.failed:
            texts.append(
                f"ROUNDING NOT MEASURED: {label} could not be run once more ({rounding.failed}); "
                "tolerances go by the precision alone."
            )
        unlike = [name for name, value in rounding.differences.items() if value is None]
        if unlike:
            texts.append(
                f"UNSTEADY REFERENCE: '{unlike[0]}' of {label} is of another shape, or not "
                "finite elsewhere, when it is run once more."
            )
    return texts


def random_notices(index: RecordIndex) -> list[str]:
    """A notice for every artifact that draws random numbers."""
    texts = []
    for label, parity in index.parities.items():
        if not parity.random:
            continue
        name, by = next(iter(parity.random.items()))
        size = "" if by is None else f" by {by:.2g}"
        judged = any(
            other.random_reference and (other.anchor or other.reference) == label
            for other in index.parities.values()
        )
        role = (
            "as the reference it judges nothing: name another with --reference"
            if judged
            else "it is no reference, and never `ok`"
        )
        texts.append(
            f"RANDOM OUTPUTS: {label} draws random numbers ('{name}' changes{size} between equal "
            f"calls); {role}."
        )
    return texts


def tolerance_notices(index: RecordIndex) -> list[str]:
    """A notice for every tolerance that is large against the spread of the outputs."""
    doubts: dict[str, list[str]] = {}
    for label, parity in index.parities.items():
        for doubt in parity.tolerance_doubts:
            doubts.setdefault(doubt, []).append(label)
    return [
        f"WIDE TOLERANCE: {doubt}. What passes ({', '.join(labels)}) may give other answers than "
        "the reference: take a smaller --tolerance, or inputs whose outputs vary more."
        for doubt, labels in doubts.items()
    ]


def quantisation_notices(index: RecordIndex) -> list[str]:
    """A notice if quantised models pass, and differ as broken ones could."""
    doubts = [
        f"{label}: {'; '.join(parity.quantisation_doubts)}"
        for label, parity in index.parities.items()
        if parity.quantisation_doubts
    ]
    if not doubts:
        return []
    return [
        f"QUANTISATION OR A FAULT? {'. '.join(doubts)}. Quantisation may cause that, and so may a "
        "wrong scale or zero point of a layer: an array 'labels' in the inputs lets accuracy "
        "decide, and of two ONNX files 'exportbench bisect' compares every layer."
    ]


def overflow_notices(index: RecordIndex) -> list[str]:
    """Notices of artifacts of float16 whose overflow would not show."""
    by_remedy: dict[str, list[str]] = {}
    for label, parity in index.parities.items():
        if not parity.overflow_hidden:
            continue
        remedy = "run it where float16 is calculated, such as on a card"
        artifact, reference = index.artifacts[label], index.artifacts[parity.reference]
        precision = reference.precision
        is_wider = precision is not None and precision.arithmetic in ("float32", "float64")
        if artifact.format == reference.format == "onnx" and is_wider:
            samples = min(index.preflights[label].inputs.samples, _SAMPLES_TO_BISECT)
            command = bisect_command(artifact, reference, index.run, samples)
            remedy = f"see whether tensors inside do: {command}"
        by_remedy.setdefault(remedy, []).append(label)
    return [
        f"OVERFLOW NOT SEEN: of float16 ({', '.join(labels)}), which runtimes may calculate in "
        "float32 on a CPU: values beyond 65,504 are finite here, and infinite elsewhere. "
        f"Before you deploy it, {remedy}."
        for remedy, labels in by_remedy.items()
    ]


def anchor_notices(index: RecordIndex) -> list[str]:
    """A notice if the reference could not be run on the CPU, and what was done instead."""
    texts = []
    for label, anchor in index.anchors.items():
        if anchor.failed is None or label != anchor.reference:
            continue
        others = [
            name
            for name, other in index.anchors.items()
            if other.reference == label and other.failed is None
        ]
        if others:
            against = f"outputs are judged against those of {others[0]} there"
        else:
            against = (
                "outputs are judged against its own on the card, so that an error that all "
                "share there would not show"
            )
        texts.append(
            f"REFERENCE NOT ON THE CPU: {label} could not be run there ({anchor.failed}); "
            f"{against}."
        )
    return texts


def isolation_notices(index: RecordIndex) -> list[str]:
    """Notices about restrictions of the sandbox that are not in force."""
    kept = {
        "network": "use the network",
        "reads": "read whatever you may, true labels too",
        "writes": "write wherever you may",
        "truncation": "cut files short that you may write",
        "signals": "end and stop your other processes",
        "processes": "change limits and priorities of your other processes, and start "
        "processes that outlive the run",
        "capabilities": "use the rights of root",
    }
    open_doors = {
        (name, reason)
        for preflight in index.preflights.values()
        for name, reason in preflight.start.isolation.items()
        if reason is not None
    }
    return [
        f"NOT ISOLATED: artifacts that hold programs can {kept[name]}: {reason}."
        for name, reason in sorted(open_doors)
    ]


def turn_notices(index: RecordIndex) -> list[str]:
    """Notices if the card's clock varied between turns, or is not known."""
    texts = clocks.unreported(index.every_clock())
    for workload in index.per_call:
        turns = index.clocks.get(workload, {})
        texts += clocks.notices(index.timed(workload), turns, workload)
    return texts


def drift_notices(index: RecordIndex) -> list[str]:
    """Notices if turns were left out, and if the speed of the machine drifted in the others."""
    worst = 0.0
    slow: list[str] = []
    for workload in index.per_call:
        left = index.undisturbed(workload)
        worst = max(worst, machine_drift(left.values(), index.device))
        bursts = clocks.steady(index.timed(workload), index.clocks.get(workload, {}))
        all_turns, kept = turns_of(bursts), turns_of(left)
        if kept != all_turns:
            slow.append(f"{len(all_turns - kept)} of {len(all_turns)} turns ({workload})")
    texts = []
    if slow:
        texts.append(
            f"BUSY AT TIMES: in {', '.join(slow)} the calls of most artifacts took over "
            f"{DISTURBED:.0%} longer than usual; times and ratios are those of the other turns."
        )
    if worst < NOTICEABLE_DRIFT:
        return texts
    texts.append(
        f"BUSY MACHINE: even undisturbed calls took {worst:.0%} longer at times, in most "
        "artifacts. What else runs slows some artifacts more than others: the ratios hold for "
        "this state of the machine, and may lie outside of their intervals in another."
    )
    return texts
