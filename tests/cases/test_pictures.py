"""Pictures: steps of preprocessing inside a file, and another rule of resizing."""

import contextlib
import io

import numpy as np
import openvino as ov
import pytest
from case_runs import run_case
from onnx import TensorProto, helper, numpy_helper, save
from openvino.preprocess import ColorFormat, PrePostProcessor

from infer.cli import main


def write_onnx(path, nodes, inputs, outputs, **weights):
    graph = helper.make_graph(
        [helper.make_node(*node, **how) for node, how in nodes],
        "graph",
        [helper.make_tensor_value_info(*inputs)],
        [helper.make_tensor_value_info(*outputs)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)


def write_ir(source, path, scale, reverse):
    """An IR that takes bytes, channels last, and scales and reorders the colours itself."""
    steps = PrePostProcessor(ov.Core().read_model(source))
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NCHW"))
    if reverse:
        steps.input().tensor().set_color_format(ColorFormat.BGR)
    preprocess = steps.input().preprocess().convert_element_type(ov.Type.f32)
    if reverse:
        preprocess.convert_color(ColorFormat.RGB)
    preprocess.scale(scale)
    ov.save_model(steps.build(), path, compress_to_fp16=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(2)
    number = TensorProto.FLOAT
    w = (random.standard_normal((4, 3, 3, 3)) / 3).astype("f4")
    write_onnx(
        folder / "net.onnx",
        [
            (("Conv", ["image", "w"], ["c"]), {}),
            (("Relu", ["c"], ["r"]), {}),
            (("GlobalAveragePool", ["r"], ["g"]), {}),
            (("Flatten", ["g"], ["features"]), {}),
        ],
        ("image", number, ["n", 3, 8, 8]),
        ("features", number, ["n", 4]),
        w=w,
    )
    for name, *how in (("rgb", 255.0, False), ("bgr", 255.0, True), ("unscaled", 1.0, False)):
        write_ir(folder / "net.onnx", folder / f"{name}.xml", *how)
    pictures = random.integers(0, 256, (12, 8, 8, 3)).astype("u1")
    np.savez(folder / "pictures.npz", image=pictures)
    for mode in ("half_pixel", "asymmetric"):
        resize = {"mode": "linear", "coordinate_transformation_mode": mode, "name": "up"}
        write_onnx(
            folder / f"{mode}.onnx",
            [
                (("Relu", ["image"], ["r"]), {"name": "relu"}),
                (("Resize", ["r", "", "scales"], ["u"]), resize),
                (("Conv", ["u", "w"], ["mask"]), {"name": "out"}),
            ],
            ("image", number, ["n", 3, 5, 5]),
            ("mask", number, ["n", 4, 8, 8]),
            scales=np.array([1, 1, 2, 2], "f4"),
            w=w,
        )
    np.savez(folder / "floats.npz", image=random.standard_normal((6, 3, 5, 5)).astype("f4"))
    return folder


def test_one_set_of_pictures_serves_files_with_and_without_preprocessing(folder):
    run = run_case(
        *(folder, "net.onnx", "rgb.xml", "bgr.xml", "unscaled.xml"),
        *("--inputs", "pictures.npz", "--range", "image=0:1"),
    )

    outcomes = {row["artifact"]: row["outcome"] for row in run.summary["rows"]}
    assert outcomes == {
        "net.onnx": "ok",
        "rgb.xml": "ok",
        "bgr.xml": "parity_fail",
        "unscaled.xml": "parity_fail",
    }


def test_made_up_pictures_fit_bytes_and_floating_point(folder):
    arguments = ("net.onnx", "rgb.xml", "--random", "0", "--samples", "8")

    run = run_case(folder, *arguments, "--range", "image=0:1")

    assert run.outcome("net.onnx") == run.outcome("rgb.xml") == "ok"
    # The range is that of floating point: pictures of bytes have all their values.
    assert any("image in 0..255" in notice for notice in run.summary["notices"])


def test_another_rule_of_resizing_fails_and_is_named(folder):
    run = run_case(folder, "half_pixel.onnx", "asymmetric.onnx", "--inputs", "floats.npz")

    assert run.outcome("asymmetric.onnx") == "parity_fail"
    printed = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        arguments = ("half_pixel.onnx", "asymmetric.onnx", "--inputs", "floats.npz")
        status = main.main(["bisect", *arguments])
    assert status == 1
    assert "Resize" in printed.getvalue()
