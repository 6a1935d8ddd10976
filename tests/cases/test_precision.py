"""Models of lower precision inside than at the border, quantised ones, and broken twins."""

import re
import shlex

import numpy as np
import pytest
from case_models_precision import (
    altered,
    half_inside,
    halved_weights,
    quantise_dynamic,
    quantise_static,
    samples,
    swapped,
    with_other_zero_point,
    write_half_network,
    write_network,
)
from case_runs import gate_case, printed_by, run_case

from infer.artifacts.manifest import Manifest, write_manifest
from infer.cli.inspect import inspect
from infer.cli.main import main
from infer.tensors.signature import Signature, TensorSpec


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("precision")
    np.savez(folder / "inputs.npz", x=samples())
    write_network(folder / "float.onnx")
    quantise_static(folder / "float.onnx", folder / "static.onnx")
    quantise_dynamic(folder / "float.onnx", folder / "dynamic.onnx")
    return folder


@pytest.fixture(scope="module")
def right(folder):
    return run_case(folder, "float.onnx", "static.onnx", "dynamic.onnx", "--inputs", "inputs.npz")


@pytest.mark.parametrize("label", ["static.onnx", "dynamic.onnx"])
def test_a_quantised_model_is_judged_by_what_its_own_steps_may_cause(right, label):
    assert right.outcome(label) == "ok", right.text
    assert "decided by numbers" in right.notes(label)


def test_the_report_says_from_which_steps_the_tolerance_is_derived(right):
    text = " ".join(right.report.split())
    assert "8 values of 8 bits with fixed ranges, the last of them in steps of" in text
    assert "3 values of 8 bits with ranges found in each call" in text


@pytest.fixture(scope="module")
def wrong(folder):
    write_network(folder / "other-float.onnx", seed=2)
    quantise_static(folder / "other-float.onnx", folder / "other.onnx")
    static, dynamic = folder / "static.onnx", folder / "dynamic.onnx"
    with_other_zero_point(static, folder / "zero-point.onnx", "r0_zero_point", 10)
    altered(static, folder / "scale.onnx", w1_scale=lambda scale: scale * np.float32(1.5))
    altered(dynamic, folder / "dynamic-scale.onnx", w2_scale=lambda scale: scale * np.float32(1.5))
    columns = {"w2_quantized": swapped, "w2_scale": swapped, "w2_zero_point": swapped}
    altered(static, folder / "classes.onnx", **columns)
    altered(dynamic, folder / "hidden.onnx", w0_quantized=swapped)
    names = ("other", "zero-point", "scale", "dynamic-scale", "classes", "hidden")
    labels = [f"{name}.onnx" for name in names]
    return labels, run_case(folder, "float.onnx", *labels, "--inputs", "inputs.npz")


def test_other_weights_and_broken_quantisation_fail(wrong):
    labels, run = wrong
    assert {label: run.outcome(label) for label in labels} == dict.fromkeys(labels, "parity_fail")
    assert "more than the" in run.reason("scale.onnx")
    assert "quantisation may cause" in run.reason("scale.onnx")


def test_a_dynamic_model_alone_does_not_differ_from_itself(folder):
    run = run_case(folder, "dynamic.onnx", "--inputs", "inputs.npz")

    assert run.outcome("dynamic.onnx") == "ok", run.reason("dynamic.onnx")


def test_quantised_files_in_openvino(folder):
    import openvino

    model = openvino.convert_model(folder / "static.onnx")
    openvino.save_model(model, folder / "static.xml", compress_to_fp16=False)
    plain = openvino.convert_model(folder / "float.onnx")
    openvino.save_model(plain, folder / "halved.xml", compress_to_fp16=True)
    labels = ("static.xml", "halved.xml")

    run = run_case(folder, "float.onnx", *labels, "--inputs", "inputs.npz")

    assert [run.outcome(label) for label in labels] == ["ok", "ok"], run.text
    assert "decided by numbers" in run.notes("static.xml")
    assert inspect(folder / "halved.xml").precision.text == "float32, weights of float16"
    read_here, read_there = (inspect(folder / f"static.{end}").precision for end in ("xml", "onnx"))
    assert read_here.text == read_there.text


def test_float16_inside_is_judged_as_float16_and_an_overflow_is_counted(folder):
    half_inside(folder / "half.pt")
    half_inside(folder / "overflows.pt", factor=20_000.0)
    half_inside(folder / "half-other.pt", seed=2)
    write_half_network(folder / "half.onnx")
    labels = ("half.pt", "overflows.pt", "half-other.pt", "half.onnx")

    run = run_case(folder, "float.onnx", *labels, "--inputs", "inputs.npz")

    outcomes = ["ok", "non_finite", "parity_fail", "ok"]
    assert [run.outcome(label) for label in labels] == outcomes, run.text
    assert "rows" in run.reason("overflows.pt")
    assert (
        "OVERFLOW NOT SEEN: of float16 (half.onnx)" in run.text and "SEEN: half.pt" not in run.text
    )
    assert inspect(folder / "half.pt").precision.text == "float16"


def shifted(bias):
    """A bias that differs by less than float16 may, and more than float32 may."""
    return (bias + 4e-3 * (bias > 0)).astype(bias.dtype)


def test_the_most_precise_is_the_reference_so_that_others_are_not_judged_by_the_coarsest(tmp_path):
    np.savez(tmp_path / "inputs.npz", x=samples())
    write_half_network(tmp_path / "a-half.onnx")
    write_half_network(tmp_path / "b-single.onnx", half=False)
    altered(tmp_path / "b-single.onnx", tmp_path / "c-single.onnx", b2=shifted)
    labels = ("a-half.onnx", "b-single.onnx", "c-single.onnx")

    run = run_case(tmp_path, *labels, "--inputs", "inputs.npz")

    assert [run.outcome(label) for label in labels] == ["ok", "ok", "parity_fail"], run.text
    beside_half = run_case(tmp_path, *labels, "--inputs", "inputs.npz", "--reference", labels[0])
    assert [beside_half.outcome(label) for label in labels] == ["ok"] * 3, beside_half.text


@pytest.mark.parametrize(("factor", "overflows"), [(1.0, False), (20_000.0, True)])
def test_an_overflow_that_a_cpu_hides_is_found_by_the_command_of_the_notice(
    folder, tmp_path, factor, overflows
):
    write_half_network(tmp_path / "single.onnx", half=False, factor=factor)
    write_half_network(tmp_path / "half.onnx", factor=factor)
    np.savez(tmp_path / "inputs.npz", x=samples())

    run = run_case(tmp_path, "single.onnx", "half.onnx", "--inputs", "inputs.npz")

    assert run.outcome("half.onnx") == "ok"
    (notice,) = [text for text in run.summary["notices"] if "OVERFLOW NOT SEEN" in text]
    command = shlex.split(re.search(r"see whether tensors inside do: (.*)\.$", notice)[1])
    status, text = printed_by(tmp_path, *command[command.index("bisect") :], "--device", "cpu")
    assert status == overflows, text
    assert ("values in half.onnx, none in the other" in text) == overflows
    assert ("gives 'large'" in text) == overflows


def test_weights_in_float16_alone_are_a_precision_of_their_own(folder):
    halved_weights(folder / "weights.pt2")
    halved_weights(folder / "weights-wrong.pt2", wrong=1.05)

    run = run_case(
        folder, "float.onnx", "weights.pt2", "weights-wrong.pt2", "--inputs", "inputs.npz"
    )

    assert run.outcome("weights.pt2") == "ok", run.text
    assert run.outcome("weights-wrong.pt2") == "parity_fail", run.text
    assert inspect(folder / "weights.pt2").precision.text == "float32, weights of float16"


def test_a_quantised_reference_allows_no_other_network(folder, wrong):
    run = run_case(
        folder,
        *("static.onnx", "float.onnx", "other-float.onnx", "dynamic.onnx"),
        *("--reference", "static.onnx", "--inputs", "inputs.npz"),
    )

    assert run.outcome("float.onnx") == run.outcome("dynamic.onnx") == "ok", run.text
    assert run.outcome("other-float.onnx") == "parity_fail"


def test_a_regressor_is_judged_without_labels(folder):
    write_network(folder / "values.onnx", end="Identity")
    quantise_static(folder / "values.onnx", folder / "values8.onnx")
    altered(
        folder / "values8.onnx", folder / "scaled.onnx", w2_scale=lambda s: s * np.float32(1.25)
    )

    run = run_case(folder, "values.onnx", "values8.onnx", "scaled.onnx", "--inputs", "inputs.npz")

    assert run.outcome("values8.onnx") == "ok", run.reason("values8.onnx")
    assert run.outcome("scaled.onnx") == "parity_fail"


def test_a_manifest_that_names_a_coarser_precision_widens_nothing(folder, tmp_path):
    """Whoever makes an artifact writes its manifest."""
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    altered(folder / "float.onnx", stranger / "model.onnx", w2=lambda w: w * np.float32(1.02))
    signature = Signature(
        (TensorSpec("x", ("n", 32), "float32"),), (TensorSpec("y", ("n", 8), "float32"),)
    )
    write_manifest(
        stranger,
        Manifest(
            name="onnx",
            format="onnx",
            payload="model.onnx",
            framework="torch",
            native=False,
            signature=signature,
            precision="int8",  # its numbers are float32
            producer={},
            weights={},
            created="",
            executes_code=False,
        ),
    )

    run = run_case(folder, "float.onnx", stranger, "--inputs", "inputs.npz")

    assert run.outcome("stranger") == "parity_fail", run.text
    assert inspect(stranger).precision.name == "float32"
    notes = inspect(stranger).description.notes
    assert "its manifest says int8, its content is float32: that counts" in notes


def test_a_gate_judges_a_quantised_model_beside_the_former_one_as_run_does(folder, wrong):
    """Its largest difference is within what single values may differ by; its whole is not."""
    gates = {}
    for name in ("static", "scale"):
        tested = folder / "gate" / name / "model.onnx"
        tested.parent.mkdir(parents=True)
        tested.write_bytes((folder / f"{name}.onnx").read_bytes())
        gates[name] = gate_case(folder, tested, "--against", "float.onnx", "--inputs", "inputs.npz")

    assert gates["static"].verdict("parity") == "passed"
    assert gates["scale"].verdict("parity") == "failed"
    assert "quantisation may cause" in gates["scale"].detail("parity")


@pytest.mark.parametrize("name", ["static", "dynamic"])
def test_bisect_finds_the_layer_of_a_scale_that_is_off_by_a_tenth(
    folder, name, monkeypatch, capsys
):
    monkeypatch.chdir(folder)
    wrong = f"{name}-tenth.onnx"
    altered(folder / f"{name}.onnx", folder / wrong, w1_scale=lambda scale: scale * np.float32(1.1))
    options = ("--inputs", "inputs.npz", "--samples", "200", "--threads", "1")

    assert main(["bisect", "float.onnx", f"{name}.onnx", *options]) == 0, capsys.readouterr().out
    assert main(["bisect", "float.onnx", wrong, *options]) == 1

    text = " ".join(capsys.readouterr().out.split())
    assert "first part where MatMul 'mm1' gives" in text
    assert "all that it takes agrees, so it is this operation or its weights" in text
    assert "more than the" in text and "that its quantisation may cause" in text
