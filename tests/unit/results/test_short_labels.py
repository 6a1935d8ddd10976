"""Labels without what all of a group share."""

import pytest

from infer.results.short_labels import ShortLabels


@pytest.mark.parametrize(
    ("labels", "pattern", "short"),
    [
        # Folders are left out, however short; words where they are long.
        (["weights/onnx-torch", "weights/jax"], "weights/…", ["onnx-torch", "jax"]),
        (["a/model-fp32.onnx", "a/model-int8.onnx"], "a/…", ["model-fp32.onnx", "model-int8.onnx"]),
        (
            ["long-model-name-a.onnx", "long-model-name-b.onnx"],
            "long-model-name-…",
            ["a.onnx", "b.onnx"],
        ),
        (["onnx-torch", "onnx-keras"], "", ["onnx-torch", "onnx-keras"]),
        (["a/quantised.onnx", "b/quantised.onnx"], "…/quantised.onnx", ["a", "b"]),
        (["m/a/model.onnx", "m/b/model.onnx"], "m/…/model.onnx", ["a", "b"]),
        # Words stay whole, and something is left of each.
        (["torchvision-fast", "torchvision-faster"], "torchvision-…", ["fast", "faster"]),
        (["quantised", "quantised defaults"], "", ["quantised", "quantised defaults"]),
        (["alone/in-its-folder"], "", ["alone/in-its-folder"]),
        ([], "", []),
    ],
)
def test_what_all_share_is_left_out(labels, pattern, short):
    made = ShortLabels.of(labels)
    assert made.pattern == pattern
    assert [made[label] for label in labels] == short
    assert [made.beginning + made[label] + made.end for label in labels] == labels
    assert len(set(short)) == len(labels)


def test_who_is_not_in_the_group_keeps_the_whole_label():
    assert ShortLabels.of(["weights/a", "weights/b"])["weights/c"] == "weights/c"
