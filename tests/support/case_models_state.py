"""Small models that keep a state between calls, in several formats, and twins without one."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np

STEPS, WIDTH, UNITS = 4, 2, 3


def _weights(*shape: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


INPUT_WEIGHTS = _weights(UNITS, WIDTH, seed=0)
RECURRENT_WEIGHTS = _weights(UNITS, UNITS, seed=1)


def sequences(samples: int) -> np.ndarray:
    """Inputs of the recurrent layers: samples x steps x width."""
    return _weights(samples, STEPS, WIDTH, seed=2)


def litert_rnn(path: Path) -> None:
    """A fused recurrent layer for one sequence, as converters write it: its state is a variable."""
    from ai_edge_litert import schema_py_generated as schema

    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors, model.buffers = [], [schema.BufferT()]

    def tensor(name, shape, values=None, *, variable=False):
        made = schema.TensorT()
        made.name, made.shape, made.type = name, list(shape), schema.TensorType.FLOAT32
        made.isVariable, made.buffer = variable, 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            model.buffers.append(buffer)
            made.buffer = len(model.buffers) - 1
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    x = tensor("x", (1, STEPS, WIDTH))
    operator, options = schema.OperatorT(), schema.SequenceRNNOptionsT()
    operator.inputs = [
        x,
        tensor("w", INPUT_WEIGHTS.shape, INPUT_WEIGHTS),
        tensor("r", RECURRENT_WEIGHTS.shape, RECURRENT_WEIGHTS),
        tensor("b", (UNITS,), np.zeros(UNITS, np.float32)),
        tensor("h", (1, UNITS), variable=True),
    ]
    y = tensor("y", (1, STEPS, UNITS))
    operator.outputs, operator.opcodeIndex = [y], 0
    options.timeMajor = False
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    operator.builtinOptionsType = schema.BuiltinOptions.SequenceRNNOptions
    operator.builtinOptions = options
    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_RNN
    code.deprecatedBuiltinCode, code.version = code.builtinCode, 1
    graph.operators, graph.inputs, graph.outputs, graph.name = [operator], [x], [y], "main"
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


def onnx_rnn(path: Path) -> None:
    """The same layer in ONNX, where each sequence begins with zeros."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Transpose", ["x"], ["steps"], perm=[1, 0, 2]),
        helper.make_node("RNN", ["steps", "w", "r"], ["all"], hidden_size=UNITS),
        helper.make_node("Squeeze", ["all", "axis"], ["one"]),
        helper.make_node("Transpose", ["one"], ["y"], perm=[1, 0, 2]),
    ]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", STEPS, size])
        for name, size in (("x", WIDTH), ("y", UNITS))
    ]
    weights = {
        "w": INPUT_WEIGHTS[None],
        "r": RECURRENT_WEIGHTS[None],
        "axis": np.array([1], np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "rnn",
        values[:1],
        values[1:],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))


def onnx_step(path: Path) -> None:
    """One step of a recurrent network, with its state outside: `h_out` goes into `h`."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Add", ["x", "h"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["h_out"]),
        helper.make_node("Neg", ["h_out"], ["y"]),
    ]
    values = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", UNITS])
        for name in ("x", "h", "h_out", "y")
    }
    inputs, outputs = [values["x"], values["h"]], [values["y"], values["h_out"]]
    graph = helper.make_graph(nodes, "step", inputs, outputs)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))


def torchscript_step(path: Path, *, mean: bool = False, gain: float = 1.0) -> None:
    """The same step with its state inside.

    Args:
        path: path of the file.
        mean: whether the state is the mean over the samples of a call.
        gain: of the input; another network if it is not 1.
    """
    import torch

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("h", torch.zeros(1, UNITS))
            self.mean, self.gain = mean, gain

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            h = torch.tanh(self.gain * x + self.h)
            self.h = h.mean(dim=0, keepdim=True) if self.mean else h
            return {"y": -h}

    torch.jit.script(Step().eval()).save(str(path))


def torchscript_counter(path: Path) -> None:
    """A buffer changed in place, another that is set, and a number in a submodule."""
    import torch

    class Cell(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("last", torch.zeros(1))
            self.calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x + self.last + self.calls
            self.last = x.mean() * torch.ones(1)
            self.calls += 1
            return y

    class Counter(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = Cell()
            self.register_buffer("seen", torch.zeros(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen[0] += 1
            return self.cell(x) + self.seen[0]

    torch.jit.script(Counter().eval()).save(str(path))


def torchscript_list(path: Path) -> None:
    """A list that grows, which only loading the file again empties."""
    import torch

    class Collector(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen = torch.jit.Attribute([], list[torch.Tensor])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen.append(x)
            return x + len(self.seen)

    torch.jit.script(Collector().eval()).save(str(path))


def torch_export_counter(path: Path) -> None:
    """A buffer that an exported program changes."""
    import torch

    class Counter(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return x + self.calls

    batch = torch.export.Dim("batch")
    program = torch.export.export(
        Counter().eval(), (torch.zeros(2, 2),), dynamic_shapes={"x": {0: batch}}
    )
    torch.export.save(program, path)


def openvino_counter(path: Path) -> None:
    """A variable that is read and assigned."""
    import openvino as ov
    from openvino import opset13 as op

    x = op.parameter([-1, 2], np.float32, name="x")
    start, step = (op.constant(np.full((1, 2), value, np.float32)) for value in (0, 1))
    before = op.read_value(start, "calls", ov.Type.f32, ov.PartialShape([1, 2]))
    now = op.add(before, step)
    assign = op.assign(now, "calls")
    ov.save_model(ov.Model([op.result(op.add(x, now))], [assign], [x], "m"), str(path))


def litert_resource_counter(path: Path) -> None:
    """A resource that is read and assigned, from a variable of TensorFlow."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(path.with_suffix("")))
    converter.experimental_enable_resource_variables = True
    path.write_bytes(converter.convert())


def saved_model_counter(path: Path) -> None:
    """A variable of TensorFlow that each call counts up."""
    import tensorflow as tf

    class Counter(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = tf.Variable(0.0)

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
        def call(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            self.calls.assign_add(1.0)
            return {"y": x + self.calls}

    model = Counter()
    tf.saved_model.save(model, str(path), signatures=model.call.get_concrete_function())
