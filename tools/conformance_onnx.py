"""The backend tests of the package `onnx`, in ONNX Runtime directly and through the worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from conformance_worker import DIFFERS, FAILED, PASSED, Arrays, ReusedWorker, Verdict

from infer.outcome import Failure, Outcome

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")


def onnx_vectors() -> Iterator[tuple[str, Any]]:
    """All vectors of the `onnx` package that it carries itself, by kind and name."""
    from onnx.backend.test.loader import load_model_tests

    for kind in KINDS:
        for case in sorted(load_model_tests(kind=kind), key=lambda case: str(case.name)):
            yield f"{kind}/{case.name}", case


def run_onnx(case: Any, name: str, worker: ReusedWorker, folder: Path) -> Verdict:
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
        ours = _judge(worker.run(path, _given(fed)), wanted, case)
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
    flat: dict[str, Any] = {}
    for name, value in zip(names, values, strict=True):
        if isinstance(value, list):
            flat |= {f"{name}[{index}]": item for index, item in enumerate(value)}
        elif value is not None:
            flat[name] = value
    return flat


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


def _judge(outputs: dict[str, Any], wanted: dict[str, Any], case: Any) -> str:
    if list(outputs) != list(wanted):
        return DIFFERS
    for name, value in outputs.items():
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
