"""Where two artifacts first part: the earliest tensor whose difference is beyond tolerance."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..artifacts.artifact import Artifact
from ..errors import InputError, MapError
from ..inputs import random as random_inputs
from ..inputs.options import InputOptions
from ..inputs.random import Random
from ..measure.placement import check_device
from ..outcome import Failure
from ..parity.matching import match_outputs
from ..parity.tolerance import tolerances
from ..tensors.differences import differences
from ..tensors.dtypes import kind_of, widened
from ..tensors.layouts import layouts
from ..tensors.outputs import Outputs, read_outputs
from ..tensors.rules import rules_for
from ..tensors.signature import Signature
from ..worker.client import WorkerProcess
from .onnx_tensors import Graph, Tensor, with_all_outputs

# Tensors that differ after the first one that are listed.
_LISTED = 5


@dataclass(frozen=True)
class TensorComparison:
    """A tensor of a beside one of b.

    Attributes:
        name, node, operator: in a.
        other: its name in b.
        paired: by "name", by "value" (it agrees with this one), or by "order" and shape.
        shape: of the tensor in a.
        largest_difference: None where one is not finite and the other is, or shapes differ.
        tolerance, how: what passes.
        passed: whether it does.
        inputs_agree: whether all tensors that the node takes, as far as they were compared, agree;
            None if none was.
    """

    name: str
    node: str
    operator: str
    other: str
    paired: str
    shape: tuple[int, ...]
    largest_difference: float | None
    tolerance: float
    how: str
    passed: bool
    inputs_agree: bool | None = None


@dataclass(frozen=True)
class Bisection:
    """What a bisection came to.

    Attributes:
        a, b: labels.
        graphs: whether tensors inside were compared, or only outputs.
        outputs: of the artifacts as they are.
        tensors: how many a has.
        paired: how many of these were compared, by how they were paired.
        first: where they part; None where they do not.
        before: the last tensor before it that agrees.
        after: the next ones beyond tolerance.
        notes: what else a reader should know.
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
        """Whether nothing parts."""
        return self.first is None and all(one.passed for one in self.outputs)

    def describe(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self) | {"agree": self.agree}


@dataclass(frozen=True)
class Setup:
    """How the artifacts are run.

    Attributes:
        inputs: file; None for random ones.
        random: what to draw; None where there is a file.
        samples: how many of the inputs to take.
        skip: samples to leave out before these.
        wishes: of the user.
        tolerance: given by the user; None goes by precision.
        threads, timeout_s: for each worker.
        devices: "cpu" or "cuda", for either artifact.
        card: that workers on cuda see, as `infer.measure.devices.DeviceChoice` has it.
    """

    inputs: Path | None
    random: Random | None
    samples: int
    skip: int
    wishes: InputOptions
    tolerance: float | None
    threads: int
    timeout_s: float
    devices: tuple[str, str] = ("cpu", "cpu")
    card: str | None = None

    def name(self, artifact: Artifact, side: int) -> str:
        """What an artifact is called beside the other one, 0 or 1, which may be the same."""
        here, there = self.devices[side], self.devices[1 - side]
        return artifact.label if here == there else f"{artifact.label} ({here})"


@dataclass(frozen=True)
class _ArtifactRun:
    """What an artifact gave: its outputs, for so many samples of all."""

    signature: Signature
    outputs: Outputs
    samples: int
    of: int


def bisect(a: Artifact, b: Artifact, setup: Setup) -> Bisection:
    """Run two artifacts on the same inputs and find where they part.

    Tensors inside are compared where both are ONNX, otherwise only outputs.

    Raises:
        Failure: one cannot be run.
        InputError: a file cannot be read, or the inputs do not fit.
    """
    with tempfile.TemporaryDirectory(prefix="exportbench-") as temporary:
        folder = Path(temporary)
        setup, notes = _with_inputs(a, setup, folder)
        runs = [
            _run(artifact, setup, folder / f"{side}-whole", side)
            for side, artifact in enumerate((a, b))
        ]
        if runs[0].samples < runs[0].of:
            notes.append(
                f"compared on {runs[0].samples} of {runs[0].of:,} samples, from number "
                f"{setup.skip} on; others may differ (--samples, --skip)"
            )
        outputs = _compare_outputs(a, b, runs, setup)
        found = Bisection(
            setup.name(a, 0), setup.name(b, 1), a.format == b.format == "onnx", outputs, notes=notes
        )
        if not found.graphs:
            named = next(one for one in (a, b) if one.format != "onnx")
            notes.append(f"only outputs are compared: {named.label} is no ONNX but {named.format}")
            return found
        graphs, inside = [], []
        for side, artifact in enumerate((a, b)):
            copies = folder / f"{side}-model"
            copies.mkdir()
            graph, copy = with_all_outputs(_model_file(artifact), copies)
            graphs.append(graph)
            everything = replace(artifact, payload=copy)
            inside.append(_run(everything, setup, folder / f"{side}-tensors", side).outputs)
        return _look_inside(found, graphs, inside, setup)


def _model_file(artifact: Artifact) -> Path:
    if artifact.payload.is_file():
        return artifact.payload
    files = sorted(artifact.payload.glob("*.onnx"))
    if len(files) != 1:
        raise InputError(f"{artifact.payload}: holds {len(files)} .onnx files, not one")
    return files[0]


def _with_inputs(a: Artifact, setup: Setup, folder: Path) -> tuple[Setup, list[str]]:
    """The setup with a file of inputs; made up from the signature of a where there is none."""
    if setup.random is None:
        return setup, []
    with _worker(a, setup, folder / "signature", setup.devices[0]) as worker:
        worker.start()
        signature = Signature.of(worker.ask("load")["signature"])
    stated = asdict(a.manifest.signature) if a.manifest else None
    arrays, drawn = random_inputs.generate(setup.random, signature, stated, setup.wishes, a.label)
    path = folder / "inputs.npz"
    random_inputs.write(path, arrays)
    notes = [f"random inputs, seed {setup.random.seed} ({', '.join(drawn) or 'there are none'})"]
    return replace(setup, inputs=path), notes


def _worker(artifact: Artifact, setup: Setup, folder: Path, device: str) -> WorkerProcess:
    return WorkerProcess(
        artifact,
        device=device,
        card=setup.card if device == "cuda" else None,
        threads=setup.threads,
        scratch=folder,
        log=folder / "log",
        timeout_s=setup.timeout_s,
    )


def _run(artifact: Artifact, setup: Setup, folder: Path, side: int) -> _ArtifactRun:
    """Run an artifact in a process of its own."""
    assert setup.inputs
    outputs = folder / "outputs"
    outputs.mkdir(parents=True)
    try:
        with _worker(artifact, setup, folder, setup.devices[side]) as worker:
            worker.start()
            signature = Signature.of(worker.ask("load")["signature"])
            read = worker.ask(
                "inputs",
                path=str(setup.inputs.resolve()),
                wishes=asdict(setup.wishes),
                label=artifact.label,
            )
            left = read["samples"] - setup.skip
            if left < 1:
                raise InputError(
                    f"--skip {setup.skip}: {setup.inputs} has {read['samples']} samples"
                )
            samples = min(setup.samples, left)
            predicted = worker.ask(
                "predict",
                batch=read["only_batch"] or samples,
                outputs=str(outputs.resolve()),
                samples=samples,
                skip=setup.skip,
            )
            check_device(predicted["placement"], setup.devices[side])
    except Failure as failure:
        reason = f"{setup.name(artifact, side)}: {failure.reason}".replace(
            str(folder), "(temporary folder)"
        )
        raise Failure(failure.outcome, reason) from None
    return _ArtifactRun(signature, read_outputs(outputs), samples, read["samples"])


def _compare_outputs(
    a: Artifact, b: Artifact, runs: Sequence[_ArtifactRun], setup: Setup
) -> list[TensorComparison]:
    expected, outputs = (side.outputs for side in runs)
    inputs = [spec.name for spec in runs[1].signature.inputs]
    try:
        _, rules = rules_for(setup.wishes.rules, b.label, inputs, list(outputs))
    except MapError as error:
        raise InputError(str(error)) from None
    paired, pairs = match_outputs(outputs, expected, rules, b.label, a.label)
    names = {one.other: one.name for one in pairs}
    return [
        _compared(Tensor(name, "output", "", ()), names[name], "name", expected[name], array, setup)
        for name, array in paired.items()
    ]


def _compared(
    tensor: Tensor,
    other: str,
    paired: str,
    array: np.ndarray,
    theirs: np.ndarray,
    setup: Setup,
) -> TensorComparison:
    limit = tolerances({tensor.name: array}, [theirs.dtype.name], given=setup.tolerance)[
        tensor.name
    ]
    largest = None
    if array.shape == theirs.shape:
        value = float(differences(theirs, array).max(initial=0.0))
        largest = value if np.isfinite(value) else None
    return TensorComparison(
        tensor.name,
        tensor.node,
        tensor.operator,
        other,
        paired,
        array.shape,
        largest,
        limit.value,
        limit.how,
        largest is not None and largest <= limit.value,
    )


def _look_inside(
    found: Bisection, graphs: Sequence[Graph], inside: Sequence[Outputs], setup: Setup
) -> Bisection:
    a, b = graphs
    partners = _pair(a, b, inside[0], inside[1], setup)
    compared: dict[str, TensorComparison] = {}
    for tensor in a.tensors:
        if tensor.name in partners:
            other, how, axes = partners[tensor.name]
            theirs = inside[1][other]
            if axes is not None:
                theirs = theirs.transpose(axes)
            compared[tensor.name] = _compared(
                tensor, other, how, inside[0][tensor.name], theirs, setup
            )
    agreeing = sum(
        1 << place
        for place, tensor in enumerate(a.tensors)
        if tensor.name in compared
        and compared[tensor.name].passed
        and _telling(inside[0][tensor.name])
    )
    after = _descendants(a)
    parted: list[TensorComparison] = []
    before = None
    for tensor in a.tensors:
        one = compared.get(tensor.name)
        if one is None or one.passed:
            if one is not None and not parted:
                before = one
            continue
        # Tensors that are paired by order may be others: then what follows agrees again, as where
        # one graph has folded an operation into the one before.
        if one.paired == "order" and after[tensor.name] & agreeing:
            continue
        own = [compared[name].passed for name in tensor.inputs if name in compared]
        parted.append(replace(one, inputs_agree=all(own) if own else None))
    counts: dict[str, int] = {}
    for one in compared.values():
        counts[one.paired] = counts.get(one.paired, 0) + 1
    notes = list(found.notes)
    outputs_part = [one for one in found.outputs if not one.passed]
    if outputs_part and not parted:
        notes.append(
            "the outputs differ, and no tensor inside does when all are given out: the difference "
            "comes with the runtime's optimizations, or in a tensor that could not be paired"
        )
    if parted and not outputs_part:
        notes.append("the outputs agree all the same: what parts inside does not reach them")
    inner = a.subgraphs + b.subgraphs
    if inner:
        notes.append(f"{inner} nodes hold graphs of their own, which are not looked into")
    return replace(
        found,
        tensors=len(a.tensors),
        paired=counts,
        first=parted[0] if parted else None,
        before=before,
        after=parted[1 : 1 + _LISTED],
        notes=notes,
    )


Partner = tuple[str, str, tuple[int, ...] | None]


def _pair(a: Graph, b: Graph, mine: Outputs, theirs: Outputs, setup: Setup) -> dict[str, Partner]:
    """Tensors of b for those of a, by a's names: name in b, how it was found, and a layout.

    The same name and shape is taken for the same tensor. For others one is looked for that has
    the same values, and then one that is at the same place in the order of operators and shapes.
    """
    names = {tensor.name for tensor in b.tensors}
    found: dict[str, Partner] = {
        tensor.name: (tensor.name, "name", None)
        for tensor in a.tensors
        if tensor.name in names and mine[tensor.name].shape == theirs[tensor.name].shape
    }
    left = [tensor for tensor in a.tensors if tensor.name not in found]
    free = [tensor for tensor in b.tensors if tensor.name not in found]
    by_size: dict[int, list[Tensor]] = {}
    for tensor in free:
        by_size.setdefault(theirs[tensor.name].size, []).append(tensor)
    ends = {name: _ends(theirs[name]) for name in (tensor.name for tensor in free)}
    for tensor in left:
        array = mine[tensor.name]
        limit = _limit(tensor, array, setup)
        for other in by_size.get(array.size, ()):
            # Looked at first, since a graph may have very many tensors of one size.
            if not np.allclose(_ends(array), ends[other.name], rtol=0, atol=limit, equal_nan=True):
                continue
            axes = _same_values(tensor, array, theirs[other.name], setup)
            if axes is not None:
                found[tensor.name] = (other.name, "value", axes or None)
                break
    left = [tensor for tensor in left if tensor.name not in found]
    taken = {other for other, _, _ in found.values()}
    free = [tensor for tensor in free if tensor.name not in taken]

    def keys(tensors: Sequence[Tensor], values: Outputs) -> list[tuple[str, tuple[int, ...]]]:
        return [(tensor.operator, values[tensor.name].shape) for tensor in tensors]

    matcher = difflib.SequenceMatcher(None, keys(left, mine), keys(free, theirs), autojunk=False)
    for block in matcher.get_matching_blocks():
        for step in range(block.size):
            found[left[block.a + step].name] = (free[block.b + step].name, "order", None)
    return found


def _ends(array: np.ndarray) -> np.ndarray:
    """Smallest and largest value, whatever the layout; zeros for what has none."""
    if not array.size or kind_of(array.dtype) not in ("float", "int", "bool"):
        return np.zeros(2)
    values = widened(array)
    return np.array([values.min(), values.max()])


def _limit(tensor: Tensor, array: np.ndarray, setup: Setup) -> float:
    """The tolerance for a tensor beside one of the coarsest type that is common."""
    known = tolerances({tensor.name: array}, ["bfloat16"], given=setup.tolerance)
    return known[tensor.name].value


def _same_values(
    tensor: Tensor, array: np.ndarray, other: np.ndarray, setup: Setup
) -> tuple[int, ...] | None:
    """The axes by which another tensor has the same values; empty for as it is, None for not."""
    text = [kind_of(one.dtype) == "text" for one in (array, other)]
    if text[0] != text[1]:
        return None
    for axes in layouts(other.shape, array.shape):
        moved = other if axes is None else other.transpose(axes)
        if (
            moved.shape == array.shape
            and _compared(tensor, "", "value", array, moved, setup).passed
        ):
            return axes or ()
    return None


def _telling(values: np.ndarray) -> bool:
    """Whether a tensor that agrees says something: one that is constant agrees with any such."""
    return bool(values.size > 1 and (values != values.reshape(-1)[0]).any())


def _descendants(graph: Graph) -> dict[str, int]:
    """Of each tensor, those that are computed from it, as a bit for the place of each."""
    users: dict[str, list[str]] = {}
    for tensor in graph.tensors:
        for name in tensor.inputs:
            users.setdefault(name, []).append(tensor.name)
    place = {tensor.name: index for index, tensor in enumerate(graph.tensors)}
    found: dict[str, int] = {}
    for tensor in reversed(graph.tensors):
        own = 0
        for user in users.get(tensor.name, ()):
            own |= 1 << place[user] | found.get(user, 0)
        found[tensor.name] = own
    return found
