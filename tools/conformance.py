"""Run the test vectors of ONNX's and JAX's own packages through the worker.

    python tools/conformance.py onnx [--every N]
    python tools/conformance.py jax [--every N]

`onnx`: the backend tests of the `onnx` package, nodes and models; each must come to the verdict
that ONNX Runtime comes to when its session is called directly.

`jax`: the serialized functions that JAX keeps to test that old files still load; each must run
and give what JAX itself gives, or be refused for the platform or the devices that it was made for.

Exit status 1 if one does not.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import os
import pkgutil
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from infer.artifacts.artifact import Artifact
from infer.outcome import Failure, Outcome
from infer.tensors.outputs import read_outputs
from infer.worker import messages
from infer.worker.client import WorkerProcess

Arrays = dict[str, np.ndarray]
KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
PASSED, DIFFERS, FAILED = "passed", "differs", "failed"


@dataclass(frozen=True)
class Verdict:
    """How a vector ended.

    Attributes:
        name: of the vector.
        ours: through the worker: "passed", "differs", or "failed".
        direct: in the runtime called directly, the same three.
        outcome: the worker's outcome; "ok" if it ran.
        reason: why it did not run.
    """

    name: str
    ours: str
    direct: str
    outcome: str
    reason: str

    @property
    def agrees(self) -> bool:
        """Whether both came to the same.

        What is refused by name need not fail in the runtime, which gives the bytes of types that
        NumPy does not have as whole numbers; but it must not have been right there.
        """
        refused = self.outcome == Outcome.UNSUPPORTED and self.direct != PASSED
        return self.ours == self.direct or refused


class Bench:
    """A worker that is used for vector after vector, and started anew when it has failed."""

    def __init__(self, format_name: str, folder: Path) -> None:
        self._format = format_name
        self._folder = folder
        self._process: WorkerProcess | None = None

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.__exit__(None, None, None)

    def run(self, payload: Path, inputs: Arrays) -> Arrays:
        """The outputs of one call.

        Raises:
            Failure: it did not load or run.
        """
        outputs = self._folder / "outputs"
        outputs.mkdir(exist_ok=True)
        np.savez(self._folder / "inputs.npz", **inputs)
        process = self._process = self._process or self._start(payload)
        try:
            spec = {"format": self._format, "payload": str(payload), "device": "cpu", "threads": 1}
            process.ask(messages.Start(**spec))
            process.ask(messages.Load())
            process.ask(messages.Call(path=str(self._folder / "inputs.npz"), outputs=str(outputs)))
        except Failure:
            process.__exit__(None, None, None)
            self._process = None
            raise
        return read_outputs(outputs)

    def _start(self, payload: Path) -> WorkerProcess:
        return WorkerProcess(
            Artifact("vector", payload, self._format, payload),
            device="cpu",
            threads=1,
            scratch=self._folder,
            log=self._folder / "worker.log",
            timeout_s=60,
        )


def onnx_vectors() -> Iterator[tuple[str, Any]]:
    """All vectors of the `onnx` package that it carries itself, by kind and name."""
    from onnx.backend.test.loader import load_model_tests

    for kind in KINDS:
        for case in sorted(load_model_tests(kind=kind), key=lambda case: str(case.name)):
            yield f"{kind}/{case.name}", case


def run_onnx(case: Any, name: str, bench: Bench, folder: Path) -> Verdict:
    """One vector in ONNX Runtime, directly and through the worker."""
    import onnx

    if case.model is None:
        path = Path(case.model_dir) / "model.onnx"
        model = onnx.load(path)
        sets = _data_sets(Path(case.model_dir), model)
    else:
        path = folder / "model.onnx"
        model = case.model
        path.write_bytes(model.SerializeToString())
        sets = case.data_sets
    inputs, expected = sets[0]
    constants = {tensor.name for tensor in model.graph.initializer}
    names = [value.name for value in model.graph.input if value.name not in constants]
    names += [value.name for value in model.graph.input if value.name in constants]
    fed = dict(zip(names, map(_value, inputs), strict=False))
    wanted = _flat([value.name for value in model.graph.output], map(_value, expected))
    direct = _direct(path, fed, wanted, case)
    outcome, reason = Outcome.OK, ""
    try:
        found = bench.run(path, _given(fed))
        ours = _judge(found, wanted, case)
    except Failure as failure:
        ours, outcome, reason = FAILED, failure.outcome, failure.reason
    return Verdict(name, ours, direct, outcome, reason)


def _data_sets(folder: Path, model: Any) -> list[tuple[list[Any], list[Any]]]:
    import onnx
    from onnx import numpy_helper

    def read(kind: str, index: int, value: Any) -> Any:
        content = (folder / "test_data_set_0" / f"{kind}_{index}.pb").read_bytes()
        if value.type.HasField("sequence_type"):
            return numpy_helper.to_list(onnx.SequenceProto.FromString(content))
        return numpy_helper.to_array(onnx.TensorProto.FromString(content))

    def all_of(kind: str, values: list[Any]) -> list[Any]:
        known = len(list((folder / "test_data_set_0").glob(f"{kind}_*.pb")))
        return [read(kind, index, value) for index, value in enumerate(values[:known])]

    return [(all_of("input", list(model.graph.input)), all_of("output", list(model.graph.output)))]


def _value(item: Any) -> Any:
    """A tensor as an array; the vectors hold either, and numbers."""
    if hasattr(item, "SerializeToString"):
        from onnx import numpy_helper

        return numpy_helper.to_array(item)
    return item if item is None or isinstance(item, list) else np.asarray(item)


def _given(fed: dict[str, Any]) -> Arrays:
    """The inputs as arrays by name; of a sequence each part, of what is left out none."""
    flat = _flat(list(fed), iter(fed.values()))
    arrays = {name: np.asarray(value) for name, value in flat.items()}
    return {n: a.astype(np.str_) if a.dtype.kind == "O" else a for n, a in arrays.items()}


def _flat(names: list[str], values: Iterator[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in zip(names, values, strict=True):
        if isinstance(value, list):
            found |= {f"{name}[{index}]": item for index, item in enumerate(value)}
        elif value is not None:
            found[name] = value
    return found


def _direct(path: Path, fed: dict[str, Any], wanted: dict[str, Any], case: Any) -> str:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        values = session.run(None, fed)
    except Exception:
        return FAILED
    names = [value.name for value in session.get_outputs()]
    return _judge(_flat(names, iter(values)), wanted, case)


def _judge(found: dict[str, Any], wanted: dict[str, Any], case: Any) -> str:
    if list(found) != list(wanted):
        return DIFFERS
    for name, value in found.items():
        have, want = np.asarray(value), np.asarray(wanted[name])
        if have.shape != want.shape:
            return DIFFERS
        if want.dtype.kind in "OUS":
            same = have.astype(np.str_).tolist() == want.astype(np.str_).tolist()
        else:
            same = have.dtype == want.dtype and np.allclose(
                have, want, rtol=case.rtol, atol=case.atol, equal_nan=True
            )
        if not same:
            return DIFFERS
    return PASSED


def jax_vectors() -> Iterator[tuple[str, dict[str, Any]]]:
    """All functions that JAX keeps, by module, name and variant."""
    from jax._src.internal_test_util import export_back_compat_test_data as package

    for module in sorted(
        pkgutil.walk_packages(package.__path__, package.__name__ + "."), key=lambda m: m.name
    ):
        if module.ispkg:
            continue
        short = module.name.removeprefix(package.__name__ + ".")
        loaded = importlib.import_module(module.name)
        for name, value in sorted(vars(loaded).items()):
            if name.startswith("data"):
                yield from _variants(f"{short}/{name}", value)


def _variants(name: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict) and "testdata_version" in value:
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _variants(f"{name}/{key}", part)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _variants(f"{name}/{index}", part)


def run_jax(data: dict[str, Any], name: str, bench: Bench, folder: Path) -> Verdict:
    """One function, in JAX directly and through the worker."""
    import jax

    exported = _exported(data)
    path = folder / "function.jax"
    path.write_bytes(exported.serialize())
    inputs = {f"input_{index}": np.asarray(a) for index, a in enumerate(data["inputs"])}
    outcome, reason, found = Outcome.OK, "", {}
    try:
        found = bench.run(path, inputs)
    except Failure as failure:
        outcome, reason = failure.outcome, failure.reason
    try:
        with jax.experimental.enable_x64():
            result = jax.jit(exported.call)(*data["inputs"])
        direct = [np.asarray(leaf) for leaf in jax.tree.leaves(result)]
    except Exception:
        return Verdict(name, PASSED if found else FAILED, FAILED, outcome, reason)
    if not found:
        return Verdict(name, FAILED, PASSED, outcome, reason)
    same = len(found) == len(direct) and all(
        a.dtype == b.dtype and np.allclose(a, b, rtol=1e-5, atol=1e-5, equal_nan=True)
        for a, b in zip(found.values(), direct, strict=True)
    )
    return Verdict(name, PASSED if same else DIFFERS, PASSED, outcome, reason)


def refused_rightly(verdict: Verdict, data: dict[str, Any]) -> bool:
    """Whether a function that did not run was refused for what it was made for."""
    platform, devices = data["platform"], data.get("nr_devices", 1)
    if platform != "cpu":
        reason = f"made for {platform}, asked to run on cpu"
    else:
        reason = f"made for {devices} devices, here is 1"
    return verdict.outcome == Outcome.UNSUPPORTED and reason in verdict.reason


def _exported(data: dict[str, Any]) -> Any:
    """The function as an `Exported`; the package keeps its parts."""
    import jax
    from jax import export
    from jax._src import core

    def avals(values: Any) -> tuple[Any, ...]:
        arrays = [np.asarray(value) for value in values]
        return tuple(core.ShapedArray(array.shape, array.dtype) for array in arrays)

    ins, outs = avals(data["inputs"]), avals(data["expected_outputs"])
    ins, outs = _with_symbols(data["mlir_module_text"], ins, outs)
    nothing = (None,) * len(ins), (None,) * len(outs)
    return export.Exported(
        fun_name="function",
        in_tree=jax.tree.structure((tuple(range(len(ins))), {})),
        in_avals=ins,
        out_tree=jax.tree.structure(tuple(range(len(outs)))),
        out_avals=outs,
        _has_named_shardings=True,
        _in_named_shardings=nothing[0],
        _out_named_shardings=nothing[1],
        in_shardings_hlo=nothing[0],
        out_shardings_hlo=nothing[1],
        platforms=(data["platform"],),
        ordered_effects=(),
        unordered_effects=(),
        disabled_safety_checks=(),
        mlir_module_serialized=data["mlir_module_serialized"],
        calling_convention_version=data["xla_call_module_version"],
        nr_devices=data.get("nr_devices", 1),
        module_kept_var_idx=tuple(range(len(ins))),
        uses_global_constants=any(
            not isinstance(size, int) for value in ins for size in value.shape
        ),
        _get_vjp=None,
    )


def _with_symbols(text: str, ins: Any, outs: Any) -> tuple[Any, Any]:
    """The values with a symbol where the module leaves a size free.

    Their names are not kept, nor how the sizes of outputs follow from those of inputs: any
    expression will do that comes to the size which is expected.
    """
    from jax import export
    from jax._src import core

    head = re.search(r"func\.func public @main\((.*?)\) -> (.*?)\{\n", text, re.S)
    if head is None or "?" not in head[1] + head[2]:
        return ins, outs
    symbols: dict[int, str] = {}

    def of(values: Any, part: str) -> tuple[Any, ...]:
        found = []
        for value, kind in zip(values, re.findall(r"tensor<([^>]*)>", part), strict=True):
            sizes = []
            for size, declared in zip(value.shape, kind.split("x"), strict=False):
                if declared != "?":
                    sizes.append(str(size))
                elif values is ins:
                    sizes.append(symbols.setdefault(size, f"s{size}"))
                else:
                    sizes.append(_expression(size, symbols))
            shape = export.symbolic_shape(",".join(sizes), scope=scope) if sizes else ()
            found.append(core.ShapedArray(shape, value.dtype))
        return tuple(found)

    scope = export.SymbolicScope()
    return of(ins, head[1]), of(outs, head[2])


def _expression(size: int, symbols: dict[int, str]) -> str:
    """A size as an expression of symbols whose sizes are known."""
    if size in symbols:
        return symbols[size]
    for one, two in itertools.combinations(symbols, 2):
        if one * two == size:
            return f"{symbols[one]}*{symbols[two]}"
    return f"{symbols[max(symbols)]} - {max(symbols) - size}"


def check(format_name: str, every: int = 1, start: int = 0) -> tuple[list[Verdict], list[Verdict]]:
    """Run every so many vectors of a format; return all verdicts and those that are wrong."""
    verdicts, wrong = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        name = {"onnx": "onnx", "jax": "jax-export"}[format_name]
        with Bench(name, folder) as bench:
            vectors = list(onnx_vectors() if format_name == "onnx" else jax_vectors())
            for label, vector in vectors[start::every]:
                if format_name == "onnx":
                    verdict = run_onnx(vector, label, bench, folder)
                    right = verdict.agrees
                else:
                    verdict = run_jax(vector, label, bench, folder)
                    right = verdict.ours == PASSED or (
                        verdict.ours == FAILED and refused_rightly(verdict, vector)
                    )
                verdicts.append(verdict)
                if not right:
                    wrong.append(verdict)
    return verdicts, wrong


def main() -> int:
    """Run what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("format", choices=("onnx", "jax"))
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth vector")
    options = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    verdicts, wrong = check(options.format, options.every)
    for verdict in wrong:
        print(f"{verdict.name}: {verdict.ours}, directly {verdict.direct}: {verdict.reason}")
    counts = Counter((verdict.ours, verdict.outcome) for verdict in verdicts)
    for (ours, outcome), count in sorted(counts.items()):
        print(f"{count:6} {ours} ({outcome})")
    print(f"{len(verdicts)} vectors, {len(wrong)} not as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
