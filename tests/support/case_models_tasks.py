"""A regressor, an embedding, and two towers of text and images, each in two formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper, save

FEATURES, HIDDEN, WIDTH, WORDS, TOKENS = 6, 8, 5, 11, 4
_DRAWS = np.random.default_rng(0)
_HIDDEN = _DRAWS.normal(size=(FEATURES, HIDDEN)).astype("f4")
_VALUE = _DRAWS.normal(size=(HIDDEN, 1)).astype("f4")
_PIXELS = _DRAWS.normal(size=(3, WIDTH)).astype("f4")
_TABLE = _DRAWS.normal(size=(WORDS, WIDTH)).astype("f4")

# Nodes: operator, inputs, output, attributes.
_Node = tuple[str, list[str], str, dict[str, int]]


def regressor_inputs(samples: int = 40) -> dict[str, np.ndarray]:
    """Features, and the true values with some noise."""
    draws = np.random.default_rng(1)
    x = draws.normal(size=(samples, FEATURES)).astype("f4")
    values = np.maximum(x @ _HIDDEN, 0) @ _VALUE
    return {"x": x, "labels": values + draws.normal(size=values.shape).astype("f4") / 10}


def tower_inputs(samples: int = 40) -> dict[str, np.ndarray]:
    """Images, and for each a text of word numbers whose embedding lies near the image's."""
    draws = np.random.default_rng(2)
    text = draws.integers(0, WORDS, (samples, TOKENS))
    wanted = _TABLE[text].mean(axis=1)
    colours = wanted @ np.linalg.pinv(_PIXELS)
    image = np.repeat(np.repeat(colours[:, :, None, None], 4, 2), 4, 3)
    image = image + draws.normal(size=image.shape) / 10
    return {"image": image.astype("f4"), "text": text}


def onnx_regressor(path: Path) -> None:
    """Two layers."""
    nodes: list[_Node] = [
        ("MatMul", ["x", "hidden"], "sums", {}),
        ("Relu", ["sums"], "kept", {}),
        ("MatMul", ["kept", "value"], "y", {}),
    ]
    _save(
        *(path, nodes, {"x": (TensorProto.FLOAT, ["n", FEATURES])}, {"y": ["n", 1]}),
        {"hidden": _HIDDEN, "value": _VALUE},
    )


def onnx_embedding(path: Path) -> None:
    """The tower of images alone."""
    _save(
        *(path, _image_tower(), {"image": (TensorProto.FLOAT, ["n", 3, 4, 4])}),
        *({"image_embedding": ["n", WIDTH]}, {"pixels": _PIXELS, "places": np.array([2, 3])}),
    )


def onnx_towers(path: Path) -> None:
    """Both towers, and how alike each image and its text are."""
    nodes = [
        *_image_tower(),
        ("Gather", ["table", "text"], "words", {}),
        ("ReduceMean", ["words", "tokens"], "meaning", {"keepdims": 0}),
        ("LpNormalization", ["meaning"], "text_embedding", {"axis": 1, "p": 2}),
        ("Mul", ["image_embedding", "text_embedding"], "products", {}),
        ("ReduceSum", ["products", "tokens"], "similarity", {"keepdims": 0}),
    ]
    inputs = {
        "image": (TensorProto.FLOAT, ["n", 3, 4, 4]),
        "text": (TensorProto.INT64, ["n", TOKENS]),
    }
    embeddings = {name: ["n", WIDTH] for name in ("image_embedding", "text_embedding")}
    weights = {
        "pixels": _PIXELS,
        "places": np.array([2, 3]),
        "table": _TABLE,
        "tokens": np.array([1]),
    }
    _save(path, nodes, inputs, embeddings | {"similarity": ["n"]}, weights)


def torch_regressor(path: Path, changed: float = 0.0) -> None:
    """The same; `changed` is added to one weight."""

    class Regressor(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("hidden", torch.from_numpy(_changed(_HIDDEN, changed)))
            self.register_buffer("value", torch.from_numpy(_VALUE))

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"y": torch.relu(x @ self.hidden) @ self.value}

    torch.jit.script(Regressor()).save(str(path))


def torch_embedding(path: Path, changed: float = 0.0) -> None:
    """The same; `changed` is added to one weight."""

    class Embedding(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("pixels", torch.from_numpy(_changed(_PIXELS, changed)))

        def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            means = image.mean([2, 3]) @ self.pixels
            return {"image_embedding": torch.nn.functional.normalize(means, dim=1)}

    torch.jit.script(Embedding()).save(str(path))


def torch_towers(path: Path, *, last_word: bool = True) -> None:
    """The same; without the last word of each text, as where the longest length is one less."""

    class Towers(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("pixels", torch.from_numpy(_PIXELS))
            self.register_buffer("table", torch.from_numpy(_TABLE))
            self.words = TOKENS if last_word else TOKENS - 1

        def forward(self, image: torch.Tensor, text: torch.Tensor) -> dict[str, torch.Tensor]:
            images = torch.nn.functional.normalize(image.mean([2, 3]) @ self.pixels, dim=1)
            meaning = self.table[text[:, : self.words]].mean(1)
            texts = torch.nn.functional.normalize(meaning, dim=1)
            return {
                "image_embedding": images,
                "text_embedding": texts,
                "similarity": (images * texts).sum(1),
            }

    torch.jit.script(Towers()).save(str(path))


def _changed(weights: np.ndarray, by: float) -> np.ndarray:
    changed = weights.copy()
    changed[0, 0] += by
    return changed


def _image_tower() -> list[_Node]:
    return [
        ("ReduceMean", ["image", "places"], "colours", {"keepdims": 0}),
        ("MatMul", ["colours", "pixels"], "projected", {}),
        ("LpNormalization", ["projected"], "image_embedding", {"axis": 1, "p": 2}),
    ]


def _save(path, nodes, inputs, outputs, weights) -> None:
    graph = helper.make_graph(
        [helper.make_node(kind, taken, [given], **how) for kind, taken, given, how in nodes],
        "graph",
        [helper.make_tensor_value_info(name, *what) for name, what in inputs.items()],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", 18)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
