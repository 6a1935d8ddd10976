"""Inputs and outputs of any kind through the command line: ONNX Runtime, the fake runtime."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from infer.cli import main
from infer.measure.flop_count import flops_by_class, flops_per_sample
from infer.measure.session import Run

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

FAST = (
    *("--device", "cpu", "--threads", 1, "--turns", 1, "--burst", "0.01s", "--batch", 4),
    *("--scenario", "batch", "--budget", "1s", "--json", "out.json", "--out", "runs"),
)
IMAGES = np.random.default_rng(0).normal(size=(6, 4, 5, 3)).astype(np.float32)


def save(path, nodes, inputs, outputs, weights=()):
    """Write an ONNX file; inputs and outputs are (name, type, shape)."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


FLOAT = TensorProto.FLOAT
WEIGHTS = np.random.default_rng(1).normal(size=(60, 3)).astype(np.float32)


def classifier(path, *, name="image", output="scores", shape=("N", 4, 5, 3), more=(), scale=1.0):
    """Scores of images in NHWC, or in NCHW where the shape says so."""
    last = shape[-1] == 3
    nodes = [
        helper.make_node(
            "Transpose", [name], ["nhwc"], perm=[0, 1, 2, 3] if last else [0, 2, 3, 1]
        ),
        helper.make_node("Flatten", ["nhwc"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], [output]),
        *(helper.make_node(operator, [output], [other]) for other, operator in more),
    ]
    return save(
        path,
        nodes,
        [(name, FLOAT, shape)],
        [(name, FLOAT, ("N", 3)) for name in (output, *(other for other, _ in more))],
        [("w", WEIGHTS * np.float32(scale))],
    )


@pytest.fixture
def measure(tmp_path, monkeypatch, capsys):
    """Runs the command in a folder, in this process; gives what it left."""
    monkeypatch.chdir(tmp_path)
    # The machine's ceiling takes seconds and is not what is tested here.
    monkeypatch.setattr(Run, "_measure_roofline", lambda run: None)

    def run(*arguments, inputs=None, status=0):
        if inputs is not None:
            np.savez(tmp_path / "in.npz", **inputs)
            arguments = (*arguments, "--inputs", "in.npz")
        try:
            ended = main.main([*map(str, ("run", *arguments, *FAST))])
        except SystemExit as error:
            ended = error.code
        printed = capsys.readouterr()
        assert ended == status, printed.out + printed.err
        if status == 2:
            assert printed.err.count("\n") == 1
            return printed.err
        summary = json.loads((tmp_path / "out.json").read_text())
        folder = max((tmp_path / "runs").iterdir())
        return SimpleNamespace(
            rows={row["artifact"]: row for row in summary["rows"]},
            notices=summary["notices"],
            records=[json.loads(line) for line in (folder / "results.jsonl").open()],
            report=(folder / "report.md").read_text(),
            folder=folder,
            text=printed.out,
        )

    return run


def test_names_and_layouts_that_differ_between_artifacts(tmp_path, measure):
    classifier(tmp_path / "last.onnx")
    classifier(tmp_path / "first.onnx", name="Image:0", output="SCORES", shape=("N", 3, 4, 5))

    run = measure("last.onnx", "first.onnx", inputs={"image": IMAGES})

    assert run.rows["first.onnx"]["outcome"] == "ok"
    assert run.rows["first.onnx"]["largest_difference"] < 1e-5
    notes = run.rows["first.onnx"]["notes"]
    assert any("taken from 'image'" in note and "only layout that fits" in note for note in notes)
    assert any("SCORES: compared with 'scores'" in note for note in notes)
    assert notes[0] in run.report


def test_two_outputs_of_one_shape_are_a_question_that_a_map_settles(tmp_path, measure):
    classifier(tmp_path / "a.onnx", more=[("other", "Neg")])
    classifier(tmp_path / "b.onnx", output="y0", more=[("y1", "Neg")])

    asked = measure("a.onnx", "b.onnx", inputs={"image": IMAGES}, status=3)
    row = asked.rows["b.onnx"]
    assert row["outcome"] == "bad_input"
    assert "'y0' could be 'scores' or 'other'" in row["reason"]
    command = row["reason"].rpartition("--map ")[2].split()
    assert command == ["b.onnx:y0=scores", "b.onnx:y1=other"]

    (tmp_path / "map.toml").write_text('["b.onnx".outputs]\ny0 = "other"\ny1 = "scores"\n')
    wrong = measure("a.onnx", "b.onnx", "--map", "map.toml", inputs={"image": IMAGES}, status=1)
    row = wrong.rows["b.onnx"]
    assert row["outcome"] == "parity_fail"
    assert row["differing"][0].keys() >= {"sample", "answer", "reference"}
    assert "Samples that differ" in wrong.report and "Samples that differ" in wrong.text

    run = measure("a.onnx", "b.onnx", "--map", command[1], inputs={"image": IMAGES})
    assert run.rows["b.onnx"]["outcome"] == "ok"


def test_random_inputs_are_the_same_for_all_and_said_to_be_random(tmp_path, measure):
    classifier(tmp_path / "last.onnx", shape=("N", "h", 5, 3))
    classifier(tmp_path / "first.onnx", shape=("N", 3, 4, 5))
    options = ("--random", 3, "--samples", 9, "--dim", "h=4", "--range", "image=0:2")

    run = measure("last.onnx", "first.onnx", *options)

    assert {row["outcome"] for row in run.rows.values()} == {"ok"}
    assert run.rows["first.onnx"]["samples"] == 9
    (notice,) = [text for text in run.notices if text.startswith("RANDOM INPUTS")]
    assert "seed 3" in notice and "image in 0..2" in notice
    assert notice in run.report and "RANDOM INPUTS" in run.text
    kept = np.load(run.folder / "inputs.npz")["image"]
    assert kept.shape == (9, 4, 5, 3) and kept.min() >= 0 and 1.8 < kept.max() <= 2
    assert "--random 3" in run.rows["first.onnx"]["command"]


def test_the_first_artifact_that_tells_enough_tells_what_random_inputs_are(tmp_path, measure):
    classifier(tmp_path / "a.onnx", shape=("N", "h", 5, 3))
    classifier(tmp_path / "b.onnx")

    run = measure("a.onnx", "b.onnx", "--random", 0, "--samples", 5)

    assert {row["outcome"] for row in run.rows.values()} == {"ok"}
    (drawn,) = [record for record in run.records if record["kind"] == "random"]
    assert drawn["artifact"] == "b.onnx"


def test_a_free_dimension_that_nobody_has_set(tmp_path, measure):
    classifier(tmp_path / "m.onnx", shape=("N", "h", 5, 3))

    row = measure("m.onnx", "--random", 0, status=3).rows["m.onnx"]

    assert row["outcome"] == "bad_input" and "--dim h=SIZE" in row["reason"]


def test_a_fixed_batch_is_called_several_times(tmp_path, measure):
    classifier(tmp_path / "free.onnx")
    for batch in (1, 3, 4):
        classifier(tmp_path / f"{batch}.onnx", shape=(batch, 4, 5, 3))

    run = measure("free.onnx", "1.onnx", "3.onnx", "4.onnx", inputs={"image": IMAGES})

    for batch in (1, 3, 4):
        row = run.rows[f"{batch}.onnx"]
        assert row["outcome"] == "ok" and row["largest_difference"] < 1e-5
        assert any(f"takes {batch} sample" in note for note in row["notes"])


def test_types_of_all_kinds(tmp_path, measure):
    types = {
        "b": (TensorProto.BOOL, np.array([[True], [False], [True]])),
        **{
            name: (getattr(TensorProto, name.upper()), np.array([[1], [2], [3]], name))
            for name in (
                *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
                "float16",
            )
        },
        "double": (TensorProto.DOUBLE, np.array([[0.5], [1.5], [2.5]])),
    }
    save(
        tmp_path / "m.onnx",
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in types],
        [(name, kind, ("N", 1)) for name, (kind, _) in types.items()],
        [(f"{name}_out", kind, ("N", 1)) for name, (kind, _) in types.items()],
    )

    run = measure("m.onnx", inputs={name: array for name, (_, array) in types.items()})

    assert run.rows["m.onnx"]["outcome"] == "ok", run.rows["m.onnx"]["reason"]
    random = measure("m.onnx", "--random", 0, "--samples", 5)
    assert random.rows["m.onnx"]["outcome"] == "ok"


def test_models_without_inputs_and_without_samples(tmp_path, measure):
    save(
        tmp_path / "none.onnx",
        [helper.make_node("Identity", ["w"], ["y"])],
        [],
        [("y", FLOAT, (2,))],
        [("w", np.array([1, 2], np.float32))],
    )
    save(
        tmp_path / "scalar.onnx",
        [helper.make_node("Mul", ["x", "s"], ["y"]), helper.make_node("Neg", ["s"], ["z"])],
        [("x", FLOAT, (5,)), ("s", FLOAT, ())],
        [("y", FLOAT, (5,)), ("z", FLOAT, ())],
    )

    none = measure("none.onnx", "--random", 0).rows["none.onnx"]
    scalar = measure("scalar.onnx", "--random", 0, "--samples", 5).rows["scalar.onnx"]

    assert none["outcome"] == scalar["outcome"] == "ok"
    assert none["samples"] == 1 and list(none["timings"]) == ["batch 1"]
    assert scalar["samples"] == 5


def test_a_folder_of_bare_files(tmp_path, measure):
    (tmp_path / "exported" / "below").mkdir(parents=True)
    classifier(tmp_path / "exported" / "a.onnx")
    classifier(tmp_path / "exported" / "below" / "b.onnx")
    (tmp_path / "exported" / "notes.txt").write_text("none of a model's")

    run = measure("exported", inputs={"image": IMAGES})

    assert {name: row["outcome"] for name, row in run.rows.items()} == {
        "a.onnx": "ok",
        "b.onnx": "ok",
    }


def test_operations_of_a_graph_with_branches_are_not_told(tmp_path):
    pytest.importorskip("onnx_tool")
    out = helper.make_tensor_value_info("y", FLOAT, (1, 3))
    branch = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "b", [], [out])
    nodes = [helper.make_node("If", ["way"], ["z"], then_branch=branch, else_branch=branch)]
    given = [("x", FLOAT, (1, 60)), ("way", TensorProto.BOOL, ())]
    path = save(tmp_path / "m.onnx", nodes, given, [("z", FLOAT, (1, 3))], [("w", WEIGHTS)])
    straight = classifier(tmp_path / "s.onnx")

    inputs = [
        {"name": "x", "shape": [1, 60], "dtype": "float32"},
        {"name": "way", "shape": [], "dtype": "bool"},
    ]
    assert flops_per_sample(path, inputs) is None
    text = {"name": "x", "shape": ["N"], "dtype": "string"}
    assert flops_per_sample(path, [text]) is None
    assert flops_per_sample(tmp_path / "missing.onnx", [text]) is None
    image = {"name": "image", "shape": ["N", 4, 5, 3], "dtype": "float32"}
    assert flops_per_sample(straight, [image]) == 2 * 60 * 3
    fixed = image | {"shape": [8, 4, 5, 3]}
    assert flops_per_sample(straight, [fixed]) == 2 * 60 * 3
    assert flops_by_class(straight, [fixed])["matrix product"] == 8 * 2 * 60 * 3


def test_operations_of_recurrent_operators_are_no_products_alone(tmp_path):
    pytest.importorskip("onnx_tool")
    shapes = {"w": (1, 20, 4), "r": (1, 20, 5), "b": (1, 40)}
    weights = [(name, np.ones(shape, np.float32)) for name, shape in shapes.items()]
    node = helper.make_node("LSTM", ["x", *shapes], ["y", "h", "c"], hidden_size=5)
    given, made = [("x", FLOAT, (3, 1, 4))], [("y", FLOAT, (3, 1, 1, 5))]
    path = save(tmp_path / "m.onnx", [node], given, made, weights)

    counts = flops_by_class(path, [{"name": "x", "shape": [3, 1, 4], "dtype": "float32"}])

    assert counts["other"] > 0 and not counts.get("matrix product")


def recurrent(path, rows):
    """One step of a sum over a sequence: h' = h + x."""
    return save(
        path,
        [helper.make_node("Add", ["x", "h"], ["h_out"]), helper.make_node("Neg", ["h_out"], ["y"])],
        [("x", FLOAT, (rows, 2)), ("h", FLOAT, (rows, 2))],
        [("y", FLOAT, (rows, 2)), ("h_out", FLOAT, (rows, 2))],
    )


@pytest.mark.parametrize(("rows", "start"), [("N", None), (1, np.array([[10, 20]], np.float32))])
def test_a_state_is_looped_over_a_sequence(tmp_path, measure, rows, start):
    recurrent(tmp_path / "m.onnx", rows)
    x = np.arange(12, dtype=np.float32).reshape(6, 2)
    given = {"x": x} | ({} if start is None else {"h": start})

    run = measure("m.onnx", "--save-outputs", "npy", "--loop", "h_out=h", inputs=given)

    assert run.rows["m.onnx"]["outcome"] == "ok"
    y = np.load(run.folder / "outputs" / "m.onnx" / "y.npy")
    np.testing.assert_allclose(-y, np.cumsum(x, axis=0) + (0 if start is None else start))


def test_a_looped_artifact_beside_one_that_has_no_such_state(tmp_path, measure):
    recurrent(tmp_path / "step.onnx", "N")
    node = helper.make_node("Neg", ["x"], ["y"])
    save(tmp_path / "none.onnx", [node], [("x", FLOAT, ("N", 2))], [("y", FLOAT, ("N", 2))])
    options = ("none.onnx", "step.onnx", "--ignore", "h_out", "--loop")
    given = {"x": np.ones((6, 2), np.float32)}

    everywhere = measure(*options, "h_out=h", inputs=given, status=1)
    named = measure(*options, "step.onnx:h_out=h", inputs=given, status=1)
    typing_error = measure("none.onnx", "--loop", "hout=h", inputs=given, status=2)

    for run in (everywhere, named):
        assert run.rows["none.onnx"]["outcome"] == "ok"
        assert run.rows["step.onnx"]["outcome"] == "parity_fail"
        assert run.rows["step.onnx"]["largest_difference"] == 5
        assert re.search(r"--loop (step\.onnx:)?h_out=h", run.report)
        assert "UNUSED" not in run.report
    assert "--loop hout=h: no artifact has the input 'h'" in typing_error


def test_a_state_is_detected_and_said(tmp_path, fake_artifact, inputs_file, measure):
    (tmp_path / "m").mkdir()
    fake_artifact(tmp_path / "m", "steady")
    fake_artifact(tmp_path / "m", "remembers", state=0.125)
    fake_artifact(tmp_path / "m", "too", state=0.125)
    inputs_file(tmp_path / "in.npz")

    run = measure("m", "--inputs", "in.npz", "--reference", "too", status=1)

    assert run.rows["remembers"]["outcome"] == "ok"
    assert run.rows["remembers"]["largest_difference"] == 0
    notes = [note for note in run.rows["remembers"]["notes"] if "keeps a state" in note]
    assert notes and notes[0] in run.report
    assert run.rows["steady"]["outcome"] == "parity_fail"
    assert not any("keeps a state" in note for note in run.rows["steady"]["notes"])
    (rounding,) = [record for record in run.records if record["kind"] == "rounding"]
    assert rounding["differences"] == {"probabilities": 0}


def test_a_probe_that_says_nothing_is_doubted(tmp_path, measure):
    classifier(tmp_path / "a.onnx")
    classifier(tmp_path / "b.onnx", scale=2.0)

    run = measure("a.onnx", "b.onnx", inputs={"image": np.zeros_like(IMAGES)})

    assert {row["outcome"] for row in run.rows.values()} == {"ok"}
    notices = [text for text in run.notices if text.startswith("DOUBTFUL PROBE")]
    assert ["its input" in notice for notice in notices] == [True, False]
    for notice in notices:
        assert "0 everywhere" in notice and notice in run.report


def test_what_is_not_finite_agrees_with_the_same_only(tmp_path, measure):
    for name, operators in {"a": "Log", "b": "Log", "c": "Abs"}.items():
        classifier(tmp_path / f"{name}.onnx", more=[("log", operators)])
    ignored = ("--ignore", "scores", "--reference", "a.onnx")

    run = measure("a.onnx", "b.onnx", "c.onnx", *ignored, inputs={"image": IMAGES}, status=1)
    assert run.rows["a.onnx"]["outcome"] == run.rows["b.onnx"]["outcome"] == "ok"
    assert any("not finite in" in text for text in run.notices)
    assert run.rows["c.onnx"]["outcome"] == "parity_fail"
    assert "is finite in" in run.rows["c.onnx"]["reason"]

    alone = measure("a.onnx", *ignored, inputs={"image": IMAGES}, status=1)
    assert alone.rows["a.onnx"]["outcome"] == "non_finite"


def test_signs_that_are_not_unique(tmp_path, measure):
    classifier(tmp_path / "a.onnx", more=[("v", "Identity")])
    classifier(tmp_path / "b.onnx", more=[("v", "Neg")])
    inputs = {"image": IMAGES}

    as_is = measure("a.onnx", "b.onnx", inputs=inputs, status=1)
    assert as_is.rows["b.onnx"]["differing"]
    assert not any("DOUBTFUL" in text for text in as_is.notices)
    measure("a.onnx", "b.onnx", "--compare", "v=abs", inputs=inputs)


def test_the_difference_of_accuracies_has_an_interval(tmp_path, measure):
    classifier(tmp_path / "a.onnx")
    classifier(tmp_path / "b.onnx", scale=1.5)
    labels = (IMAGES.reshape(6, -1) @ WEIGHTS).argmax(axis=1)

    run = measure(
        "a.onnx", "b.onnx", "--tolerance", 1e3, inputs={"image": IMAGES, "labels": labels}
    )

    difference = run.rows["b.onnx"]["accuracy_difference"]
    assert difference["value"] == 0 and difference["low"] < 0 < difference["high"]
    assert "surely keeps" in run.report and "neither" in run.report


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--random", "0", "--inputs", "in.npz"), "exclude each other"),
        (("--samples", "3"), "--samples 3: goes with random inputs: give a seed"),
        (("--random", "x"), "no whole number"),
        (("--random", "0", "--dim", "h"), "--dim h: say [ARTIFACT:]NAME=SIZE"),
        (("--random", "0", "--map", "missing.toml"), "cannot be read"),
        (("--random", "0", "--map", "x"), "NAME=OTHER"),
        (("--random", "0", "--compare", "v=sign"), "OUTPUT=abs"),
        (("--random", "0", "--loop", "h"), "OUTPUT=INPUT"),
    ],
)
def test_wrong_options(tmp_path, measure, options, message):
    classifier(tmp_path / "m.onnx")
    np.savez(tmp_path / "in.npz", image=IMAGES)

    assert message in measure("m.onnx", *options, status=2)


def test_options_that_nothing_has_are_told(tmp_path, measure):
    classifier(tmp_path / "m.onnx")

    run = measure("m.onnx", "--map", "imgae=image", "--ignore", "sorces", inputs={"image": IMAGES})

    unused = [text for text in run.notices if text.startswith("UNUSED OPTION")]
    assert len(unused) == 2 and "imgae" in unused[0] and "sorces" in unused[1]
