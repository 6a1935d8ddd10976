"""Convert trained networks to 8 and 4 bits, rightly and with a fault, and judge what they give.

    python tools/quantised_networks.py --quick
    python tools/quantised_networks.py --networks residual20 --epochs 12

The networks are trained on scikit-learn's digits: a residual convolutional network of 20 layers,
one of depthwise convolutions, a transformer of 4 blocks. ONNX Runtime's quantizers and TensorFlow's
converter convert them, and OpenVINO what ONNX Runtime's gave. A fault is put into one layer, the
first, the middle or the last. The rule of docs/parity.md judges all of them beside the network in
float32, without true labels. The figures are in docs/parity.md.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import quantised_networks_litert as litert
import quantised_networks_onnx as onnx_files
import quantised_networks_openvino as openvino
from quantised_networks_training import NETWORKS, TRAINING, Transformer, digits, trained
from torch import nn

from infer.formats.litert.reader import describe as describe_litert
from infer.formats.onnx.reader import describe as describe_onnx
from infer.formats.openvino.reader import describe as describe_openvino
from infer.parity.comparing import compare
from infer.parity.quantised_decision import Decision, decide
from infer.parity.quantised_tolerance import spread_of
from infer.parity.tolerance import quantised_tolerances

Run = Callable[[Path, np.ndarray], np.ndarray]
READERS = {".onnx": describe_onnx, ".tflite": describe_litert, ".xml": describe_openvino}


def files_of(network: nn.Module, folder: Path) -> Iterator[tuple[str, str, Path, Path, Run]]:
    """Write a network in all ways: how, which fault, the file, that in float32, what runs both."""
    files = onnx_files.conversions(network, folder)
    exact = files.pop("float32")
    for how, path in files.items():
        yield f"ONNX, {how}", "", path, exact, onnx_files.outputs_of
        for number, (fault, model) in enumerate(onnx_files.faults(path)):
            wrong = path.with_name(f"{path.stem}-{number}.onnx")
            wrong.write_bytes(model.SerializeToString())
            yield f"ONNX, {how}", fault, wrong, exact, onnx_files.outputs_of
            if how == "static":
                graph = openvino.converted(wrong, wrong.with_suffix(".xml"))
                yield "OpenVINO, static", fault, graph, exact, openvino.outputs_of
    graph = openvino.converted(files["static"], folder / "static.xml")
    yield "OpenVINO, static", "", graph, exact, openvino.outputs_of
    if isinstance(network, Transformer):
        return
    files = litert.conversions(network, folder)
    exact = files.pop("float32")
    for how, path in files.items():
        yield f"LiteRT, {how}", "", path, exact, litert.outputs_of
        for number, (fault, data) in enumerate(litert.faults(path)):
            wrong = path.with_name(f"{path.stem}-{number}.tflite")
            wrong.write_bytes(data)
            yield f"LiteRT, {how}", fault, wrong, exact, litert.outputs_of


def judged(outputs: np.ndarray, expected: np.ndarray, path: Path) -> Decision:
    """What the rule decides about outputs of a quantised file."""
    quantisation = READERS[path.suffix](path).precision.quantisation
    assert quantisation, f"{path} is not known to be quantised"
    steps = quantisation.steps_by(["y"])
    limits = quantised_tolerances({"y": expected}, [(quantisation, steps)])
    compared = compare({"y": outputs}, {"y": expected}, limits)
    return decide(compared, {"y": outputs}, {"y": expected}, limits, "y", None)


def verdict_of(decision: Decision) -> str:
    """The verdict in a word or two."""
    if decision.decided_by == "nothing":
        return "not judged"
    if not decision.passed:
        return "fails"
    return "passes, in doubt" if decision.doubts else "passes"


def show(name: str, network: nn.Module, counts: Counter[tuple[str, bool, str]]) -> None:
    """Print a line for each file of a network, and count the verdicts."""
    images = digits()[0][TRAINING:].numpy()
    expected: dict[Path, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for how, fault, path, exact, run in files_of(network, Path(temporary)):
            if exact not in expected:
                reference = litert if exact.suffix == ".tflite" else onnx_files
                expected[exact] = reference.outputs_of(exact, images)
            outputs = run(path, images)
            difference = np.sqrt(np.mean((outputs - expected[exact]) ** 2))
            share = float(difference) / spread_of(expected[exact])
            verdict = verdict_of(judged(outputs, expected[exact], path))
            counts[how, bool(fault), verdict] += 1
            print(
                f"{name:12}  {how:21}  {fault or 'right':40}  {share:6.1%}  {verdict}", flush=True
            )


def main(arguments: list[str] | None = None) -> None:
    """Print a line for every conversion, right and wrong, and how many got which verdict."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="example: python tools/quantised_networks.py --networks transformer4 --epochs 12",
    )
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--epochs", type=int, default=12, help="of training (default: 12)")
    parser.add_argument("--quick", action="store_true", help="one network, trained for 4 epochs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.networks, options.epochs = ["residual20"], 4
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    print("differences in the root mean square, as a share of the spread of the outputs")
    counts: Counter[tuple[str, bool, str]] = Counter()
    for name in options.networks:
        show(name, trained(NETWORKS[name], options.epochs), counts)
    for how, is_wrong in dict.fromkeys((how, is_wrong) for how, is_wrong, _ in sorted(counts)):
        verdicts = {key[2]: count for key, count in counts.items() if key[:2] == (how, is_wrong)}
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
        print(f"{how:21}  {'with a fault' if is_wrong else 'right':12}  {told}")


if __name__ == "__main__":
    main()
