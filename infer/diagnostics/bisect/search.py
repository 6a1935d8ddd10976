"""Find the earliest tensor whose difference between two artifacts is beyond tolerance."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...artifacts.artifact import Artifact
from ...errors import InputError
from ...tensors.outputs import Outputs
from .comparing import TensorComparison, compare_outputs, compare_tensor
from .graph_matching import match_graphs
from .onnx_tensors import Graph, rounded_values, with_all_outputs
from .running import ArtifactRun, BisectOptions, run, with_inputs
from .tolerance import Limits, count_quantised

# Number of differing tensors that are listed after the first.
_LISTED = 5


@dataclass(frozen=True)
class Bisection:
    """The result of a bisection.

    Attributes:
        a, b: labels.
        graphs: whether tensors inside were compared, or only outputs.
        outputs: comparisons of the outputs of the unchanged artifacts.
        tensors: number of tensors in a.
        paired: number of compared tensors, by how they were paired.
        first: the first tensor that differs; None if none does.
        before: the last tensor before it that agrees.
        after: the next tensors beyond tolerance.
        notes: other notes for the reader.
    """

    a: str
    b: str
    graphs: bool
    outputs: list[TensorComparison]
    tensors: int = 0
    paired: dict[str, int] = field(default_factory=dict)
    first: TensorComparison | None = None
    before: TensorComparison | None = None
    after: list[TensorComparison] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def agree(self) -> bool:
        """Whether no tensor differs."""
        return self.first is None and all(output.passed for output in self.outputs)

    def describe(self) -> dict[str, Any]:
        """The bisection for JSON."""
        return asdict(self) | {"agree": self.agree}


def bisect(a: Artifact, b: Artifact, options: BisectOptions) -> Bisection:
    """Run two artifacts on the same inputs and find where they first differ.

    Tensors inside are compared if both are ONNX, otherwise only outputs.

    Raises:
        Failure: one cannot be run.
        InputError: a file cannot be read, or the inputs do not fit.
    """
    with tempfile.TemporaryDirectory(prefix="exportbench-") as temporary:
        folder = Path(temporary)
        options, notes = with_inputs(a, options, folder)
        runs = [
            run(artifact, options, folder / f"{side}-whole", side)
            for side, artifact in enumerate((a, b))
        ]
        if runs[0].samples < runs[0].available:
            notes.append(
                f"compared on {runs[0].samples} of {runs[0].available:,} samples, from number "
                f"{options.skip} on; others may differ (--samples, --skip)"
            )
        outputs = compare_outputs(a, b, runs, options)
        names = options.name(a, 0), options.name(b, 1)
        bisection = Bisection(*names, a.format == b.format == "onnx", outputs, notes=notes)
        if not bisection.graphs:
            other = next(artifact for artifact in (a, b) if artifact.format != "onnx")
            notes.append(f"only outputs are compared: {other.label} is no ONNX but {other.format}")
            return bisection
        graphs, tensors = [], []
        for side, artifact in enumerate((a, b)):
            copies = folder / f"{side}-model"
            copies.mkdir()
            graph, copy = with_all_outputs(_model_file(artifact), copies)
            graphs.append(graph)
            everything = replace(artifact, payload=copy)
            tensors.append(_values(run(everything, options, folder / f"{side}-tensors", side)))
        limits = Limits(tuple(run.precision for run in runs), options.tolerance)
        return _look_inside(bisection, graphs, tensors, limits)


def _values(run: ArtifactRun) -> Outputs:
    """The values of all tensors: as they are in a single call, else by their samples."""
    return {
        name: output.array if output.has_samples or len(output.parts) > 1 else output.parts[0]
        for name, output in run.outputs.items()
    }


def _model_file(artifact: Artifact) -> Path:
    if artifact.payload.is_file():
        return artifact.payload
    files = sorted(artifact.payload.glob("*.onnx"))
    if len(files) != 1:
        raise InputError(f"{artifact.payload}: holds {len(files)} .onnx files, not one")
    return files[0]


def _look_inside(
    bisection: Bisection,
    graphs: Sequence[Graph],
    values: Sequence[Outputs],
    limits: Limits,
) -> Bisection:
    """The bisection with what the tensors inside the two graphs say."""
    a, b = graphs
    compared = _compare_tensors(a, b, values, limits)
    before, differing = _differing(a, compared, values[0])
    notes = list(bisection.notes)
    outputs_agree = all(output.passed for output in bisection.outputs)
    if not outputs_agree and not differing:
        notes.append(
            "the outputs differ, and no tensor inside does when all are given out: the difference "
            "comes with the runtime's optimizations, or in a tensor that could not be paired"
        )
    if differing and outputs_agree and differing[0].not_finite[0] != differing[0].not_finite[1]:
        notes.append(
            "the outputs agree all the same: what is not finite inside does not reach them, or the "
            "runtime calculates in a wider type here than the file says, and elsewhere it does"
        )
    elif differing and outputs_agree:
        notes.append("the outputs agree all the same: what parts inside does not reach them")
    subgraphs = a.subgraphs + b.subgraphs
    if subgraphs:
        notes.append(f"{subgraphs} nodes hold graphs of their own, which are not looked into")
    return replace(
        bisection,
        tensors=len(a.tensors),
        paired=dict(Counter(comparison.paired for comparison in compared.values())),
        first=differing[0] if differing else None,
        before=before,
        after=differing[1 : 1 + _LISTED],
        notes=notes,
    )


def _compare_tensors(
    a: Graph, b: Graph, values: Sequence[Outputs], limits: Limits
) -> dict[str, TensorComparison]:
    """The tensors of `a` that have a partner in `b`, by name, in their order."""
    partners = match_graphs(a, b, values[0], values[1], limits.given)
    counts = [count_quantised(graph) for graph in (a, b)]
    rounded = rounded_values(b)
    compared = {}
    for tensor in a.tensors:
        if tensor.name in partners:
            other, how, axes = partners[tensor.name]
            other = rounded.get(other, other)
            theirs = values[1][other]
            if axes is not None:
                theirs = theirs.transpose(axes)
            compared[tensor.name] = compare_tensor(
                *(tensor, other, how, values[0][tensor.name], theirs, limits),
                (counts[0][tensor.name], counts[1][other]),
            )
    return compared


def _differing(
    graph: Graph, compared: Mapping[str, TensorComparison], values: Outputs
) -> tuple[TensorComparison | None, list[TensorComparison]]:
    """The last tensor that agrees before any differs, and those that differ, in their order.

    Args:
        graph: the first artifact's.
        compared: its tensors that have a partner.
        values: of its tensors.
    """
    agreeing = sum(
        1 << place
        for place, tensor in enumerate(graph.tensors)
        if tensor.name in compared
        and compared[tensor.name].passed
        and _is_informative(values[tensor.name])
    )
    descendants = _descendants(graph)
    differing: list[TensorComparison] = []
    before = None
    for tensor in graph.tensors:
        comparison = compared.get(tensor.name)
        if comparison is None:
            continue
        if comparison.passed:
            if not differing:
                before = comparison
            continue
        # Tensors that are paired by order may be others: then what follows agrees again, as where
        # one graph has folded an operation into the one before.
        if comparison.paired == "order" and descendants[tensor.name] & agreeing:
            continue
        inputs = [compared[name].passed for name in tensor.inputs if name in compared]
        differing.append(replace(comparison, inputs_agree=all(inputs) if inputs else None))
    return before, differing


def _is_informative(values: np.ndarray) -> bool:
    """Whether a tensor that agrees says something: one that is constant agrees with any such."""
    return bool(values.size > 1 and (values != values.reshape(-1)[0]).any())


def _descendants(graph: Graph) -> dict[str, int]:
    """Of each tensor, those that are computed from it, as a bit for the place of each."""
    users: dict[str, list[str]] = {}
    for tensor in graph.tensors:
        for name in tensor.inputs:
            users.setdefault(name, []).append(tensor.name)
    place = {tensor.name: index for index, tensor in enumerate(graph.tensors)}
    descendants: dict[str, int] = {}
    for tensor in reversed(graph.tensors):
        bits = 0
        for user in users.get(tensor.name, ()):
            bits |= 1 << place[user] | descendants.get(user, 0)
        descendants[tensor.name] = bits
    return descendants
