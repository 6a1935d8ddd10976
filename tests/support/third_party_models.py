"""Artifacts as other people make them, one framework a process.

    python third_party_models.py FRAMEWORK FOLDER

writes them below the folder. What each has of its own is said where it is made.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

# The inner and the outer size of a model that is a matrix product and little else.
PRODUCT = (512, 768)


def product_weights() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(PRODUCT).astype(np.float32)


def tensorflow(out: Path) -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    random = np.random.default_rng(0)
    weights = random.standard_normal((4, 3)).astype(np.float32)

    class Several(tf.Module):
        """Two signatures, none named serving_default; an output that is a Python keyword."""

        def __init__(self):
            super().__init__()
            self.weights = tf.Variable(weights)
            self.slot = tf.Variable(tf.zeros((300, 300)))  # as an optimizer leaves behind

        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "x")])
        def score(self, x):
            return {"from": tf.matmul(x, self.weights)}

        @tf.function(
            input_signature=[
                tf.TensorSpec((None, 4), tf.float32, "a"),
                tf.TensorSpec((None, 4), tf.float32, "b"),
            ]
        )
        def both(self, a, b):
            return {"sum": a + b, "difference": a - b}

    several = Several()
    tf.saved_model.save(
        several, str(out / "several"), signatures={"score": several.score, "both": several.both}
    )

    class Words(tf.Module):
        """Strings in and out, through a table."""

        def __init__(self):
            super().__init__()
            self.table = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(["cat", "dog"], [1, 2], value_dtype=tf.int64),
                default_value=0,
            )

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "word")])
        def number(self, word):
            return {"number": self.table.lookup(word), "upper": tf.strings.upper(word)}

    words = Words()
    tf.saved_model.save(words, str(out / "words"), signatures=words.number)

    class Counter(tf.Module):
        """State that a call changes."""

        def __init__(self):
            super().__init__()
            self.total = tf.Variable(0.0)

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, "x")])
        def add(self, x):
            return {"total": x + self.total.assign_add(1.0)}

    counter = Counter()
    tf.saved_model.save(counter, str(out / "counter"), signatures=counter.add)

    class Product(tf.Module):
        """A matrix product, and what is above zero of it."""

        def __init__(self):
            super().__init__()
            self.weights = tf.Variable(product_weights())

        @tf.function(input_signature=[tf.TensorSpec((None, PRODUCT[0]), tf.float32, "x")])
        def product(self, x):
            return {"y": tf.nn.relu(tf.matmul(x, self.weights))}

    product = Product()
    tf.saved_model.save(product, str(out / "product"), signatures=product.product)
    _tensorflow_1(tf, out, weights)
    _litert(tf, out, random)


def _tensorflow_1(tf, out, weights) -> None:
    v1 = tf.compat.v1
    for name, key, unfed in (
        ("first", "x", False),
        ("keyword", "class", False),
        # One of its signatures needs a placeholder that no caller feeds, for which the loader of
        # TensorFlow 2 refuses the whole.
        ("unfed", "x", True),
    ):
        with tf.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, (None, 4), "x")
            labels = v1.placeholder(tf.float32, (None, 3), "labels")
            v = v1.get_variable("w", initializer=weights, use_resource=False)
            scores = tf.matmul(x, v, name="scores")
            loss = tf.reduce_mean((scores - labels) ** 2)
            session.run(v1.global_variables_initializer())
            info = v1.saved_model.utils.build_tensor_info
            signatures = {
                "predict": v1.saved_model.signature_def_utils.build_signature_def(
                    {key: info(x)}, {"scores": info(scores)}, "predict"
                )
            }
            if unfed:
                signatures["loss"] = v1.saved_model.signature_def_utils.build_signature_def(
                    {key: info(x)}, {"loss": info(loss)}, "loss"
                )
            builder = v1.saved_model.Builder(str(out / f"tf1-{name}"))
            builder.add_meta_graph_and_variables(session, ["serve"], signatures)
            builder.save()


def _litert(tf, out, random) -> None:
    kernel = random.standard_normal((3, 3, 1, 2)).astype(np.float32)
    dense = random.standard_normal((32, 3)).astype(np.float32)

    def network(x, flat):
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, 2, "SAME"))
        return tf.nn.softmax(tf.matmul(tf.reshape(x, flat), dense))

    def write(name, batch, flat, quantised=False):
        module = tf.Module()
        module.call = tf.function(
            lambda image: {"probabilities": network(image, flat)},
            input_signature=[tf.TensorSpec((batch, 8, 8, 1), tf.float32, "image")],
        )
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [module.call.get_concrete_function()], module
        )
        if quantised:
            samples = [random.random((1, 8, 8, 1), dtype=np.float32) for _ in range(20)]
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([sample] for sample in samples)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.int8
            converter.inference_output_type = tf.int8
        (out / f"{name}.tflite").write_bytes(converter.convert())

    write("free", None, (-1, 32))  # any batch
    write("single", 1, (-1, 32))  # one sample, but the graph would take more
    write("rigid", 1, (1, 32))  # one sample, and no more
    write("int8", 1, (-1, 32), quantised=True)

    class Running(tf.Module):
        """One sample at a time, and a sum of all that came."""

        def __init__(self):
            super().__init__()
            self.total = tf.Variable(tf.zeros((1, 2)))

        @tf.function(input_signature=[tf.TensorSpec((1, 2), tf.float32, "x")])
        def add(self, x):
            return {"total": self.total.assign_add(x)}

    running = Running()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [running.add.get_concrete_function()], running
    )
    converter.experimental_enable_resource_variables = True
    (out / "running.tflite").write_bytes(converter.convert())


def torch(out: Path) -> None:
    import torch

    torch.manual_seed(0)

    class Scalars(torch.nn.Module):
        """A number, a tuple and a flag beside the tensor; several outputs."""

        def forward(
            self,
            x: torch.Tensor,
            scale: float,
            state: tuple[torch.Tensor, torch.Tensor],
            flip: bool = False,
        ):
            y = x * scale + state[0]
            return y, (state[1] + 1, y.sum(1))

    class Words(torch.nn.Module):
        """Whole numbers in, a dictionary out."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(10, 4)
            self.norm = torch.nn.BatchNorm1d(4)

        def forward(self, ids: torch.Tensor) -> dict[str, torch.Tensor]:
            x = self.norm(self.embedding(ids).mean(1))
            return {"mean": x, "largest": x.argmax(1)}

        @torch.jit.export
        def size(self, ids: torch.Tensor) -> torch.Tensor:
            return torch.ones_like(ids).sum(1)

    class Counter(torch.nn.Module):
        """State that a call changes."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("total", torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.total += 1
            return x + self.total

    for module in (Scalars(), Words(), Counter()):
        name = type(module).__name__.lower()
        torch.jit.script(module.eval()).save(str(out / f"{name}.pt"))
    torch.save({"w": torch.ones(2)}, out / "state.pt")

    class Product(torch.nn.Module):
        """A matrix product, and what is above zero of it."""

        def __init__(self) -> None:
            super().__init__()
            self.weights = torch.nn.Parameter(torch.from_numpy(product_weights()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(x @ self.weights)

    torch.jit.script(Product().eval()).save(str(out / "product.pt"))

    class Pairs(torch.nn.Module):
        """A number that the graph fixes, a tuple, and a dictionary out."""

        def forward(
            self, x: torch.Tensor, scale: float, pair: tuple[torch.Tensor, torch.Tensor]
        ) -> dict[str, object]:
            return {"y": x * scale, "z": (pair[0] + 1, pair[1])}

    batch = torch.export.Dim("batch")
    pair = (torch.ones(3, 2), torch.ones(3, dtype=torch.int64))
    for module, arguments, shapes in (
        (Pairs(), (torch.ones(3, 2), 2.0, pair), ({0: batch}, None, ({0: batch}, {0: batch}))),
        (Counter(), (torch.ones(3, 4),), ({0: batch},)),
        (Product(), (torch.ones(3, PRODUCT[0]),), ({0: batch},)),
    ):
        program = torch.export.export(module, arguments, dynamic_shapes=shapes)
        torch.export.save(program, out / f"{type(module).__name__.lower()}.pt2")


def aotinductor(out: Path) -> None:
    """One module compiled by AOTInductor, and as torch.export has it."""
    os.environ |= {  # a hurry that is the tests' own
        "TORCHINDUCTOR_CACHE_DIR": str(out / "cache"),
        "TORCHINDUCTOR_VEC_ISA_OK": "1",
        "AOT_INDUCTOR_COMPILE_WRAPPER_OPT_LEVEL": "O0",
    }
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import torch

    from export.aotinductor import compile_package

    torch.manual_seed(0)

    class Several(torch.nn.Module):
        """A number that is fixed, a tensor whose strides are not C's, state, a dictionary out."""

        def __init__(self) -> None:
            super().__init__()
            self.dense = torch.nn.Linear(4, 3)
            self.register_buffer("calls", torch.arange(20.0))
            self.register_buffer("few", torch.zeros(1))  # so few are made a constant

        def forward(
            self, x: torch.Tensor, scale: float, *, image: torch.Tensor
        ) -> dict[str, object]:
            self.calls += 1
            self.few += 1
            pixels = torch.arange(18.0).reshape(2, 3, 3)
            return {
                "y": self.dense(x) * scale,
                "rest": (image * pixels, x[:, 0] * 0 + self.calls[0]),
            }

    batch = torch.export.Dim("batch")
    image = torch.ones(3, 2, 3, 3).to(memory_format=torch.channels_last)
    shapes = {"x": {0: batch}, "scale": None, "image": {0: batch}}
    arguments = ((torch.ones(3, 4), 2.0), {"image": image})
    module = Several()
    compile_package(module, *arguments, shapes, out / "several.pt2", "cpu")
    program = torch.export.export(module, *arguments, dynamic_shapes=shapes)
    torch.export.save(program, out / "program.pt2")


def jax(out: Path) -> None:
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    import jax
    import jax.numpy as jnp
    from jax import export
    from jax.sharding import NamedSharding, PartitionSpec

    jax.config.update("jax_enable_x64", True)

    def write(name, function, *arguments, platforms=("cpu",), **named):
        exported = export.export(function, platforms=platforms)(*arguments, **named)
        (out / name).write_bytes(exported.serialize())

    (batch,) = export.symbolic_shape("batch")

    def spec(shape, dtype=jnp.float32):
        return jax.ShapeDtypeStruct(shape, dtype)

    @jax.jit
    def tree(arguments, pair, *, scale):
        left, right = pair
        y = arguments["x"] * scale + left
        return {"y": y, "rest": (right * 2, y.sum(axis=1))}

    write(
        "tree.jax",
        tree,
        {"x": spec((batch, 3))},
        (spec((batch, 3)), spec((batch, 2), jnp.int32)),
        platforms=("cpu", "tpu"),
        scale=spec(()),
    )
    weights = jnp.asarray(product_weights())
    product = jax.jit(lambda x: jnp.maximum(x @ weights, 0))
    write("product.jax", product, spec((batch, PRODUCT[0])))
    write("wide.jax", jax.jit(lambda x: x * 2 + 1j), spec((batch, 2), jnp.complex128))
    write("tpu.jax", jax.jit(lambda x: x + 1), spec((2,)), platforms=("tpu",))
    mesh = jax.sharding.Mesh(jax.devices(), ("rows",))
    spread = NamedSharding(mesh, PartitionSpec("rows"))
    write("sharded.jax", jax.jit(lambda x: x * 3, in_shardings=spread), spec((4, 2)))


def onnx(out: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def value(name, dtype, shape):
        return helper.make_tensor_value_info(name, dtype, shape)

    def write(name, nodes, inputs, outputs, initializers=(), **options):
        graph = helper.make_graph(nodes, "graph", inputs, outputs, list(initializers))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, out / name, **options)

    float32, text = TensorProto.FLOAT, TensorProto.STRING
    weights = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    dense = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    both = [value("x", float32, [None, 4])], [value("y", float32, [None, 3])]
    initializer = [numpy_helper.from_array(weights, "w")]
    write("plain", dense, *both, initializer)  # without a suffix
    write(
        "outside.onnx",
        dense,
        *both,
        initializer,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    write(
        "product.onnx",
        [
            helper.make_node("MatMul", ["x", "w"], ["product"], "product"),
            helper.make_node("Relu", ["product"], ["y"], "above"),
        ],
        [value("x", float32, [None, PRODUCT[0]])],
        [value("y", float32, [None, PRODUCT[1]])],
        [numpy_helper.from_array(product_weights(), "w")],
    )
    write(
        "fixed.onnx",
        dense,
        [value("x", float32, [1, 4])],
        [value("y", float32, [1, 3])],
        initializer,
    )

    def branch(name, operator):
        node = helper.make_node(operator, ["x"], [f"{name}_y"])
        return helper.make_graph([node], name, [], [value(f"{name}_y", float32, None)])

    write(
        "branches.onnx",
        [
            helper.make_node(
                "If",
                ["negate"],
                ["y"],
                then_branch=branch("yes", "Neg"),
                else_branch=branch("no", "Abs"),
            )
        ],
        [value("x", float32, ["n", 2]), value("negate", TensorProto.BOOL, [])],
        [value("y", float32, ["n", 2])],
    )
    write(
        "sequences.onnx",
        [
            helper.make_node("SequenceErase", ["parts"], ["left"]),
            helper.make_node("ConcatFromSequence", ["parts"], ["whole"], axis=0),
        ],
        [helper.make_tensor_sequence_value_info("parts", float32, None)],
        [
            helper.make_tensor_sequence_value_info("left", float32, None),
            value("whole", float32, None),
        ],
    )
    write(
        "words.onnx",
        [
            helper.make_node(
                "StringNormalizer", ["word"], ["upper"], case_change_action="UPPER", locale="C"
            )
        ],
        [value("word", text, [None])],
        [value("upper", text, [None])],
    )


def openvino(out: Path) -> None:
    import openvino as ov
    from openvino import opset13 as ops

    weights = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    x = ops.parameter([-1, 4], np.float32, name="x")
    x.output(0).set_names({"x"})
    y = ops.matmul(x, ops.constant(weights), False, False)
    y.output(0).set_names({"y"})
    ov.save_model(ov.Model([y], [x], "dense"), out / "dense.xml", compress_to_fp16=False)


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    globals()[sys.argv[1]](folder)
