"""Artifacts as other people make them: recognized, read, loaded and run, or refused by name."""

from __future__ import annotations

import json
import os
import pickle
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from infer.artifacts.artifact import open_artifact
from infer.outcome import Failure, Outcome
from infer.profiling.operator_classes import OperatorClass, class_of
from infer.system.passed_variables import ALLOW_READ
from infer.tensors.output_files import read_call
from infer.worker import messages
from infer.worker.client import WorkerProcess

pytest_plugins = ("third_party_fixtures",)

RANDOM = np.random.default_rng(0)
X = RANDOM.random((5, 4), dtype=np.float32)
IMAGES = RANDOM.random((5, 8, 8, 1), dtype=np.float32)
WEIGHTS = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
WORDS = np.array(["cat", "dog", "fish"])
# Of a model that is a matrix product and little else, which takes some milliseconds.
X_OF_PRODUCT = RANDOM.random((256, 512), dtype=np.float32)


@pytest.fixture(scope="module")
def processes():
    """The workers that are alive, by runtime: importing a framework takes longer than the tests."""
    alive = {}
    yield alive
    for process, _ in alive.values():
        process.__exit__(None, None, None)


@pytest.fixture
def worker(processes, tmp_path, tmp_path_factory, monkeypatch):
    """Loads an artifact in a worker and calls it; gives the answer to `load` and the outputs."""
    # A worker may read its own artifact, and these load others one after the other.
    monkeypatch.setenv(ALLOW_READ, str(tmp_path_factory.getbasetemp().parent))

    def call(path, inputs=None, fresh=False, profiled=False, **setup):
        artifact = open_artifact(path)
        runtime = setup.get("runtime", artifact.format)
        if fresh or runtime not in processes:
            scratch = tmp_path_factory.mktemp("worker")
            process = WorkerProcess(
                artifact,
                device="cpu",
                threads=1,
                scratch=scratch,
                log=tmp_path / "worker.log",
                timeout_s=100,
            )
        else:
            process, scratch = processes.pop(runtime)
        process.ask(  # ends the process, if it fails
            messages.Start(
                format=artifact.format,
                payload=str(artifact.payload),
                device="cpu",
                threads=1,
                **setup,
            )
        )
        loaded, outputs = process.ask(messages.Load(profiled=profiled)), {}
        if profiled:
            np.savez(scratch / "inputs.npz", **inputs)
            process.ask(messages.Inputs(str(scratch / "inputs.npz")))
            samples = len(next(iter(inputs.values())))
            outputs = process.ask(messages.Profile(batch=samples, calls=5))
        elif inputs is not None:
            # It may read the folder that its own one is in, and what is said of it at its start.
            folder = Path(tempfile.mkdtemp(dir=scratch))
            np.savez(scratch / "inputs.npz", **inputs)
            process.ask(messages.Call(path=str(scratch / "inputs.npz"), outputs=str(folder)))
            outputs = read_call(folder)
        if fresh:
            process.__exit__(None, None, None)
        else:
            processes[runtime] = process, scratch
        return loaded, outputs

    return call


def close(outputs, expected):
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def spec_of(loaded, kind="inputs"):
    return {spec["name"]: (spec["dtype"], spec["shape"]) for spec in loaded["signature"][kind]}


class TestSavedModel:
    def test_signature_is_chosen(self, third_party_models, worker):
        loaded, outputs = worker(
            third_party_models("tensorflow") / "several", {"x": X}, signature="score"
        )

        assert spec_of(loaded) == {"x": ("float32", [None, 4])}
        close(outputs["from"], X @ WEIGHTS)

    @pytest.mark.parametrize(
        ("wanted", "reason"),
        [
            (None, "several signatures, both, score: choose one with --signature"),
            ("other", "no signature 'other' (there are: both, score)"),
        ],
    )
    def test_no_signature_is_guessed(self, third_party_models, worker, wanted, reason):
        with pytest.raises(Failure, match=r"signature") as caught:
            worker(third_party_models("tensorflow") / "several", signature=wanted)

        assert caught.value.outcome == Outcome.LOAD_ERROR
        assert reason in caught.value.reason

    def test_text_and_a_table(self, third_party_models, worker):
        loaded, outputs = worker(third_party_models("tensorflow") / "words", {"word": WORDS})

        assert spec_of(loaded) == {"word": ("string", [None])}
        assert outputs["number"].tolist() == [1, 2, 0]
        assert outputs["upper"].tolist() == ["CAT", "DOG", "FISH"]
        assert "Lookup" in loaded["notes"][0]

    def test_state_is_kept_and_said(self, third_party_models, worker):
        loaded, outputs = worker(third_party_models("tensorflow") / "counter", {"x": X[:, 0]})

        close(outputs["total"], X[:, 0] + 1)
        assert "AssignAddVariableOp" in loaded["notes"][0]

    @pytest.mark.parametrize(
        ("name", "key", "why"),
        [
            ("tf1-first", "x", None),
            ("tf1-keyword", "class", "'class' is not a valid parameter name"),
            ("tf1-unfed", "x", "a placeholder which is not an input"),
        ],
    )
    def test_of_tensorflow_1(self, third_party_models, worker, name, key, why):
        path = third_party_models("tensorflow") / name
        loaded, outputs = worker(path, {key: X}, signature="predict")

        close(outputs["scores"], X @ WEIGHTS)
        if why is None:
            assert loaded["notes"] == []
        else:
            assert "loaded as TensorFlow 1 does" in loaded["notes"][0]
            assert why in loaded["notes"][0]


class TestLiteRT:
    def test_batches(self, third_party_models, worker):
        folder = third_party_models("tensorflow")
        free, expected = worker(folder / "free.tflite", {"image": IMAGES})
        single, outputs = worker(folder / "single.tflite", {"image": IMAGES})

        close(outputs["probabilities"], expected["probabilities"])
        assert spec_of(free) == spec_of(single) == {"image": ("float32", [None, 8, 8, 1])}
        assert free["notes"] == []
        assert single["notes"] == ["made for a batch of 1, resized to others"]

    def test_a_batch_that_cannot_be_resized_stays(self, third_party_models, worker):
        loaded, outputs = worker(
            third_party_models("tensorflow") / "rigid.tflite", {"image": IMAGES[:1]}
        )

        assert spec_of(loaded) == {"image": ("float32", [1, 8, 8, 1])}
        assert spec_of(loaded, "outputs") == {"probabilities": ("float32", [1, 3])}
        close(outputs["probabilities"].sum(), 1)

    def test_state_is_as_the_file_has_it_at_the_first_call(self, third_party_models, worker):
        x = np.ones((1, 2), np.float32)
        loaded, outputs = worker(third_party_models("tensorflow") / "running.tflite", {"x": x})

        assert spec_of(loaded) == {"x": ("float32", [1, 2])}
        close(outputs["total"], x)

    def test_a_batch_is_left_where_it_is_asked_for(self, third_party_models, worker):
        path = third_party_models("tensorflow") / "single.tflite"
        loaded, _ = worker(path, settings={"batch": "fixed"})

        assert spec_of(loaded) == {"image": ("float32", [1, 8, 8, 1])}

    def test_quantised(self, third_party_models, worker):
        folder = third_party_models("tensorflow")
        _, expected = worker(folder / "free.tflite", {"image": IMAGES})
        loaded, outputs = worker(folder / "int8.tflite", {"image": IMAGES})

        assert spec_of(loaded)["image"][0] == "float32"
        assert any("int8 of scale" in note for note in loaded["notes"])
        # Eight bits for numbers in 0..1, through three layers.
        np.testing.assert_allclose(outputs["probabilities"], expected["probabilities"], atol=0.1)

    def test_quantised_and_raw(self, third_party_models, worker):
        path = third_party_models("tensorflow") / "int8.tflite"
        image = (IMAGES * 255 - 128).astype(np.int8)
        loaded, outputs = worker(path, {"image": image}, settings={"tensors": "raw"})

        assert spec_of(loaded)["image"][0] == "int8"
        assert outputs["probabilities"].dtype == np.int8


class TestTorchScript:
    def test_scalars_tuples_and_several_outputs(self, third_party_models, worker):
        y, z = X[:, :3], X[:, 0]
        loaded, outputs = worker(
            third_party_models("torch") / "scalars.pt",
            {"x": y, "scale": np.array(2.0), "state.0": y, "state.1": z},
        )

        assert list(spec_of(loaded)) == ["x", "scale", "state.0", "state.1"]
        assert spec_of(loaded)["scale"] == ("float64", [])
        assert loaded["notes"] == []
        close(outputs["output_0"], 3 * y)
        close(outputs["output_1.0"], z + 1)
        close(outputs["output_1.1"], (3 * y).sum(1))

    def test_whole_numbers_in_and_a_dictionary_out(self, third_party_models, worker):
        _, outputs = worker(
            third_party_models("torch") / "words.pt", {"ids": np.array([[1, 2], [3, 4]])}
        )

        assert outputs["mean"].shape == (2, 4)
        assert outputs["largest"].tolist() == outputs["mean"].argmax(1).tolist()

    def test_another_method(self, third_party_models, worker):
        _, outputs = worker(
            third_party_models("torch") / "words.pt",
            {"ids": np.ones((2, 7), np.int64)},
            signature="size",
        )

        assert outputs["output_0"].tolist() == [7, 7]

    def test_state_is_kept_and_said(self, third_party_models, worker):
        loaded, outputs = worker(third_party_models("torch") / "counter.pt", {"x": X})

        close(outputs["output_0"], X + 1)
        assert loaded["notes"] == ["keeps state from call to call"]


class TestTorchExport:
    def test_tuples_dictionaries_and_fixed_numbers(self, third_party_models, worker):
        x, whole = X[:, :2], np.arange(5)
        loaded, outputs = worker(
            third_party_models("torch") / "pairs.pt2", {"x": x, "pair_0": x, "pair_1": whole}
        )

        assert {name: kind for name, (kind, _) in spec_of(loaded).items()} == {
            **{"x": "float32", "pair_0": "float32", "pair_1": "int64"}
        }
        symbol, width = spec_of(loaded)["x"][1]
        assert isinstance(symbol, str) and width == 2
        assert loaded["notes"] == ["scale: always 2.0"]
        close(outputs["y"], 2 * x)
        close(outputs["z.0"], x + 1)
        close(outputs["z.1"], whole)

    def test_state_is_kept_and_said(self, third_party_models, worker):
        loaded, outputs = worker(third_party_models("torch") / "counter.pt2", {"x": X})

        close(outputs["output_0"], X + 1)
        assert loaded["notes"] == ["keeps state from call to call"]

    @pytest.mark.parametrize("where", ["sample inputs", "weights", "weights as they once were"])
    def test_pickles_in_it_are_refused_and_not_opened(
        self, third_party_models, worker, tmp_path, where
    ):
        sprung = tmp_path / "sprung"

        class Trap:
            def __reduce__(self):
                return os.mkdir, (str(sprung),)

        with zipfile.ZipFile(third_party_models("torch") / "counter.pt2") as source:
            parts = {name: source.read(name) for name in source.namelist()}
        name = next(n for n in parts if n.endswith("data/sample_inputs/model.pt"))
        if where == "weights as they once were":
            name = name.replace("sample_inputs", "weights")
        if where == "weights":
            name = next(n for n in parts if n.endswith("weights/weight_0"))
            (config,) = (n for n in parts if n.endswith("model_weights_config.json"))
            stated = json.loads(parts[config])
            stated["config"]["total"]["use_pickle"] = True
            parts[config] = json.dumps(stated).encode()
        parts[name] = pickle.dumps(Trap())
        with zipfile.ZipFile(tmp_path / "trap.pt2", "w") as archive:
            for entry, content in parts.items():
                archive.writestr(entry, content)

        with pytest.raises(Failure, match=r"pickle.*mkdir.*never opened") as caught:
            worker(tmp_path / "trap.pt2", {"x": X})
        assert caught.value.outcome == "unsupported"
        assert not sprung.exists()


class TestJaxExport:
    def test_pytrees(self, third_party_models, worker):
        x, whole = X[:, :3], np.ones((5, 2), np.int32)
        inputs = {"input_0.x": x, "input_1.0": x, "input_1.1": whole, "scale": np.float32(2)}
        loaded, outputs = worker(third_party_models("jax") / "tree.jax", inputs)

        assert list(spec_of(loaded)) == list(inputs)
        assert spec_of(loaded)["input_1.1"] == ("int32", ["batch", 2])
        close(outputs["y"], 3 * x)
        close(outputs["rest.0"], 2 * whole)
        close(outputs["rest.1"], (3 * x).sum(1))

    def test_complex_numbers_of_128_bits(self, third_party_models, worker):
        values = np.array([[1 / 3, 2j]])
        _, outputs = worker(third_party_models("jax") / "wide.jax", {"input_0": values})

        assert outputs["output_0"].dtype == np.complex128
        np.testing.assert_allclose(outputs["output_0"], values * 2 + 1j, rtol=1e-15)

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("tpu.jax", "made for tpu, asked to run on cpu"),
            ("sharded.jax", "made for 2 devices, here is 1"),
        ],
    )
    def test_refused_by_name(self, third_party_models, worker, name, reason):
        with pytest.raises(Failure) as caught:
            worker(third_party_models("jax") / name)

        assert caught.value.outcome == Outcome.UNSUPPORTED
        assert reason in caught.value.reason

    def test_sharded_where_devices_suffice(self, third_party_models, worker, monkeypatch):
        path = third_party_models("jax") / "sharded.jax"
        monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
        _, outputs = worker(path, {"input_0": X[:4, :2]}, fresh=True)

        close(outputs["output_0"], 3 * X[:4, :2])


class TestOnnx:
    @pytest.mark.parametrize("runtime", ["onnx", "openvino"])
    @pytest.mark.parametrize("name", ["plain", "outside.onnx"])
    def test_in_either_runtime(self, third_party_models, worker, name, runtime):
        loaded, outputs = worker(third_party_models("onnx") / name, {"x": X}, runtime=runtime)

        assert spec_of(loaded) == {"x": ("float32", [None, 4])}
        close(outputs["y"], X @ WEIGHTS)

    def test_openvinos_own_format(self, third_party_models, worker):
        _, outputs = worker(third_party_models("openvino") / "dense.xml", {"x": X})

        close(outputs["y"], X @ WEIGHTS)

    @pytest.mark.parametrize("negate", [True, False])
    def test_control_flow(self, third_party_models, worker, negate):
        x = X[:, :2] - 0.5
        path = third_party_models("onnx") / "branches.onnx"
        _, outputs = worker(path, {"x": x, "negate": np.array(negate)})

        close(outputs["y"], -x if negate else np.abs(x))

    def test_sequences(self, third_party_models, worker):
        loaded, outputs = worker(
            third_party_models("onnx") / "sequences.onnx", {"parts": X[:3, None]}
        )

        assert "parts: its sequence is given as one array" in loaded["notes"][0]
        close(outputs["left[0]"], X[0][None])
        close(outputs["left[1]"], X[1][None])
        close(outputs["whole"], X[:3])

    def test_text(self, third_party_models, worker):
        _, outputs = worker(third_party_models("onnx") / "words.onnx", {"word": WORDS})

        assert outputs["upper"].tolist() == ["CAT", "DOG", "FISH"]

    def test_what_does_not_fit_is_named(self, third_party_models, worker):
        with pytest.raises(Failure) as caught:
            worker(third_party_models("onnx") / "plain", {"z": X})

        assert caught.value.outcome == Outcome.BAD_INPUT
        assert "takes x; given z" in caught.value.reason


class TestProfiler:
    """The shares that must hold of a model that is a matrix product, by each runtime's profiler."""

    @pytest.mark.parametrize(
        ("framework", "name", "input_name", "runtime"),
        [
            ("onnx", "product.onnx", "x", "onnx"),
            ("onnx", "product.onnx", "x", "openvino"),
            ("torch", "product.pt", "x", "torchscript"),
            ("torch", "product.pt2", "x", "torch-export"),
            ("jax", "product.jax", "input_0", "jax-export"),
            ("tensorflow", "product", "x", "saved-model"),
        ],
    )
    def test_the_product_takes_most_of_a_call(
        self, third_party_models, worker, framework, name, input_name, runtime
    ):
        path = third_party_models(framework) / name
        _, profile = worker(path, {input_name: X_OF_PRODUCT}, profiled=True, runtime=runtime)

        assert profile["names_all"] and not profile["problem"]
        is_product = {
            operator["name"]: class_of(operator["kind"]) == OperatorClass.MATRIX_PRODUCT
            for operator in profile["operators"]
        }
        seconds = {operator["name"]: operator["seconds"] for operator in profile["operators"]}
        (product,) = (name for name, holds in is_product.items() if holds)
        assert seconds[product] > 0.5 * sum(seconds.values())
        # Other programs run beside the tests, between the operators too.
        assert 0.2 * profile["call_s"] < sum(seconds.values()) <= 1.01 * profile["call_s"]
        (weights,) = (o["weights"] for o in profile["operators"] if o["name"] == product)
        assert weights is None or sorted(weights) == [512, 768]

    def test_litert_has_none(self, third_party_models, worker):
        path = third_party_models("tensorflow") / "free.tflite"
        _, profile = worker(path, {"image": IMAGES}, profiled=True)

        assert (profile["profiler"], profile["operators"]) == (None, [])
        assert "gives no times of operators" in profile["problem"]


class TestRun:
    def test_one_file_in_two_runtimes_beside_another_format(
        self, third_party_models, run_cli, tmp_path
    ):
        np.savez(tmp_path / "x.npz", x=X)
        done = run_cli(
            *(
                "run",
                third_party_models("onnx") / "plain",
                third_party_models("openvino") / "dense.xml",
            ),
            *("--runtime", "openvino", "--try", "onnx:runtime=onnx"),
            *("--inputs", "x.npz", "--batch", 4, "--device", "cpu", "--threads", 1),
            *("--turns", 1, "--burst", "0.01s", "--out", "runs", "--json", "out.json"),
            cwd=tmp_path,
        )

        assert done.returncode == 0, done.stdout + done.stderr
        summary = json.loads((tmp_path / "out.json").read_text())
        rows = {row["artifact"]: row for row in summary["rows"]}
        assert {row["outcome"] for row in rows.values()} == {"ok"}
        assert {name: list(row["versions"]) for name, row in rows.items()} == {
            "plain": ["openvino"],
            "plain (runtime=onnx)": ["onnxruntime"],
            "dense.xml": ["openvino"],
        }
        assert "--runtime openvino" in rows["plain"]["command"]

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            (("--try", "onnx:runtime=torchscript"), "choose one of onnx, openvino"),
            (("--runtime", "abacus"), "invalid choice: 'abacus'"),
            (("--signature", "nobody=score"), "no such artifact, choose of plain"),
        ],
    )
    def test_wrong_usage(self, third_party_models, run_cli, tmp_path, arguments, reason):
        done = run_cli("run", third_party_models("onnx") / "plain", *arguments, cwd=tmp_path)

        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert reason in line
