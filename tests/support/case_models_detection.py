"""Detectors with non-maximum suppression inside, and networks that give maps, in two formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper, save

IMAGES, BOXES, CLASSES = 7, 10, 2
OVERLAP, LEAST_SCORE = 0.5, 0.3


def candidates(seed: int = 0) -> np.ndarray:
    """Boxes before suppression, with a score for each class: another number is left of each image.

    Returns:
        float32, images x boxes x (4 corners, scores).
    """
    draws = np.random.default_rng(seed)
    corner = draws.random((IMAGES, BOXES, 2)) * 20
    size = 2 + draws.random((IMAGES, BOXES, 2)) * 10
    scores = draws.random((IMAGES, BOXES, CLASSES)) * 0.9
    scores[2] = 0.1  # no object at all
    return np.concatenate([corner, corner + size, scores], axis=2).astype("f4")


def objects(seed: int = 0) -> dict[str, np.ndarray]:
    """The true objects of `candidates`: those of high scores, not quite where these are."""
    x = candidates(seed)
    sample, box = np.nonzero(x[..., 4:].max(axis=2) > 0.4)
    moved = np.random.default_rng(seed).normal(scale=0.3, size=(len(sample), 4))
    return {
        "labels.boxes": x[sample, box, :4] + moved,
        "labels.classes": x[sample, box, 4:].argmax(axis=1),
        "labels.sample": sample,
    }


def onnx_box_list(path: Path, *, shuffle: bool = False, noise: float = 0.0) -> None:
    """A model that gives the boxes of each image back.

    Args:
        path: of the file.
        shuffle: whether they come in another order in each call.
        noise: largest random number that is added to each value.
    """
    shape = ["n", BOXES, 4]
    last = numpy_helper.from_array(np.array([BOXES]), "boxes_of_an_image")
    nodes = [
        helper.make_node("RandomUniformLike", ["boxes"], ["drawn"], high=noise, dtype=1),
        helper.make_node("Add", ["boxes", "drawn"], ["moved"]),
        helper.make_node("RandomUniformLike", ["boxes"], ["keys"], dtype=1),
        helper.make_node("TopK", ["keys", "boxes_of_an_image"], ["_", "order"], axis=1),
        helper.make_node("Gather", ["order", "zero"], ["order_of_rows"], axis=2),
        helper.make_node("Expand", ["order_of_rows", "shape"], ["places"]),
        helper.make_node("Shape", ["boxes"], ["shape"]),
        helper.make_node("GatherElements", ["moved", "places"], ["found"], axis=1),
    ]
    zero = numpy_helper.from_array(np.array([0]), "zero")
    nodes = [nodes[6], *nodes[:6], nodes[7]]
    if not shuffle:
        nodes = [
            *(nodes[1:3] if noise else []),
            helper.make_node("Identity", ["moved" if noise else "boxes"], ["found"]),
        ]
    graph = helper.make_graph(
        nodes,
        "boxes",
        [helper.make_tensor_value_info("boxes", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, shape)],
        [last, zero] if shuffle else [],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def onnx_detector(path: Path, *, images: int | str = "n", least_score: float = LEAST_SCORE) -> None:
    """A detector whose rows are those of all images of a call, with the image in `image`.

    Args:
        path: of the file.
        images: in a call; a name for any number.
        least_score: objects of a lower score are left out.
    """
    constants = {
        "widths": np.array([4, CLASSES]),
        "most": np.array([BOXES]),
        "overlap": np.array([OVERLAP], "f4"),
        "least": np.array([least_score], "f4"),
        "first": np.array([0]),
        "second": np.array([1]),
        "image_and_box": np.array([0, 2]),
        "one": np.array([1]),
    }
    nodes = [
        helper.make_node("Split", ["x", "widths"], ["all_boxes", "by_box"], axis=2),
        helper.make_node("Transpose", ["by_box"], ["by_class"], perm=[0, 2, 1]),
        helper.make_node(
            "NonMaxSuppression", ["all_boxes", "by_class", "most", "overlap", "least"], ["kept"]
        ),
        helper.make_node("Gather", ["kept", "first"], ["image_column"], axis=1),
        helper.make_node("Gather", ["kept", "second"], ["class_column"], axis=1),
        helper.make_node("Gather", ["kept", "image_and_box"], ["places"], axis=1),
        helper.make_node("GatherND", ["all_boxes", "places"], ["boxes"]),
        helper.make_node("GatherND", ["by_class", "kept"], ["scores"]),
        helper.make_node("Squeeze", ["image_column", "one"], ["image"]),
        helper.make_node("Squeeze", ["class_column", "one"], ["classes"]),
    ]
    float_, int_ = TensorProto.FLOAT, TensorProto.INT64
    outputs = {
        "boxes": (float_, ["m", 4]),
        "classes": (int_, ["m"]),
        "scores": (float_, ["m"]),
        "image": (int_, ["m"]),
    }
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("x", float_, [images, BOXES, 4 + CLASSES])],
        [helper.make_tensor_value_info(name, *spec) for name, spec in outputs.items()],
        [numpy_helper.from_array(a, name) for name, a in constants.items()],
    )
    opset = helper.make_opsetid("", 17)
    save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


class Detector(torch.nn.Module):
    """The same detector; its rows are in the order of their scores."""

    def __init__(self, moved: float) -> None:
        super().__init__()
        self.overlap, self.least_score, self.moved = OVERLAP, LEAST_SCORE, moved

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Boxes, classes, scores and images of what is left."""
        boxes = x[:, :, :4] + self.moved
        scores = x[:, :, 4:]
        kept = torch.zeros_like(scores, dtype=torch.bool)
        for image in range(x.size(0)):
            for label in range(scores.size(2)):
                order = torch.argsort(scores[image, :, label], descending=True)
                for place in range(order.size(0)):
                    index = order[place]
                    box = boxes[image, index]
                    others = boxes[image][kept[image, :, label]]
                    corner = torch.maximum(box[:2], others[:, :2])
                    sides = (torch.minimum(box[2:], others[:, 2:]) - corner).clamp(min=0)
                    shared = sides.prod(1)
                    areas = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1)
                    clear = (shared / (areas - shared) <= self.overlap).all()
                    kept[image, index, label] = clear & (
                        scores[image, index, label] > self.least_score
                    )
        where = kept.nonzero()
        found = scores[kept]
        order = torch.argsort(found, descending=True)
        where = where[order]
        images, rows, classes = where[:, 0], where[:, 1], where[:, 2]
        return {
            "boxes": boxes[images, rows],
            "classes": classes,
            "scores": found[order],
            "image": images,
        }


def torch_detector(path: Path, *, moved: float = 0.0) -> None:
    """Write the detector as TorchScript.

    Args:
        path: of the file.
        moved: by how much its boxes are off.
    """
    torch.jit.script(Detector(moved)).save(path)
