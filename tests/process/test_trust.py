"""Artifacts that can execute code are opened only if the user has their hash, or says so."""

import json
import re
import shutil

import numpy as np
import pytest

import infer
from infer import api
from infer.artifacts.artifact import Artifact
from infer.artifacts.manifest import Manifest, write_manifest
from infer.errors import UsageError
from infer.outcome import Failure, Outcome
from infer.sandbox import trust
from infer.sandbox.artifact_reader import fingerprint, open_artifact
from infer.tensors.signature import Signature, TensorSpec

pytest_plugins = ("third_party_fixtures",)

QUICK = ("--device", "cpu", "--threads", "1", "--turns", "1", "--burst", "0.01s", "--out", "runs")


@pytest.fixture(scope="module")
def models(third_party_models, tmp_path_factory):
    """A folder with a file that executes code, one that does not, and inputs."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copy(third_party_models("torch") / "counter.pt", folder / "a.pt")
    shutil.copy(third_party_models("onnx") / "plain", folder / "b.onnx")
    np.savez(folder / "x.npz", x=np.ones((4, 4), np.float32))
    return folder


def sha256_of(path):
    return fingerprint(open_artifact(path))


def refused(text, path):
    """Whether a text refuses the artifact, shows its hash and the option to give."""
    return f"--trust {sha256_of(path)}" in text and "can execute code" in text


class TestAdmit:
    def test_what_cannot_execute_code_needs_no_trust(self, models):
        assert trust.require_trusted(open_artifact(models / "b.onnx"), ()) == sha256_of(
            models / "b.onnx"
        )

    def test_what_can_is_refused(self, models):
        with pytest.raises(Failure) as caught:
            trust.require_trusted(open_artifact(models / "a.pt"), ())

        assert caught.value.outcome == Outcome.LOAD_ERROR
        assert refused(caught.value.reason, models / "a.pt")
        assert "\n" not in caught.value.reason

    @pytest.mark.parametrize(
        "name", ["several", "tf1-first", "tree.jax"], ids=["tensorflow", "tensorflow 1", "jax"]
    )
    def test_formats(self, third_party_models, name):
        folder = third_party_models("jax" if name.endswith(".jax") else "tensorflow")
        with pytest.raises(Failure):
            trust.require_trusted(open_artifact(folder / name), ())

    def test_a_litert_file_of_its_own_operators_needs_no_trust(self, third_party_models):
        assert trust.require_trusted(
            open_artifact(third_party_models("tensorflow") / "int8.tflite"), ()
        )

    def test_trust_by_hash_and_label(self, models):
        artifact = open_artifact(models / "a.pt", "a.pt")
        sha256 = sha256_of(models / "a.pt")
        another = open_artifact(models / "a.pt", "a.pt (1).pt")
        former = open_artifact(models / "a.pt", "a.pt (former)")

        for given in ("*", "a.pt", sha256, sha256[:32], sha256[:32].upper()):
            assert trust.require_trusted(artifact, (given,)) == sha256
        for given, candidate in (
            (sha256[1:], artifact),
            ("a", artifact),
            ("", artifact),
            ("b.pt", artifact),
            (sha256[:31], artifact),
            ("a.pt", another),
            ("a.pt", former),
        ):
            with pytest.raises(Failure):
                trust.require_trusted(candidate, (given,))

    def test_one_changed_byte_is_another_artifact(self, models, tmp_path):
        sha256 = sha256_of(models / "a.pt")
        content = bytearray((models / "a.pt").read_bytes())
        content[-1] ^= 1
        (tmp_path / "a.pt").write_bytes(content)

        with pytest.raises(Failure):
            trust.require_trusted(
                Artifact("a", tmp_path, "torchscript", tmp_path / "a.pt"), (sha256,)
            )

    def test_a_manifest_beside_the_payload_is_no_proof(self, models, tmp_path):
        folder = tmp_path / "stranger"
        folder.mkdir()
        shutil.copy(models / "a.pt", folder / "model.pt")
        spec = TensorSpec("x", (None, 4), "float32")
        manifest = Manifest(
            name="torchscript",
            format="torchscript",
            payload="model.pt",
            framework="torch",
            native=True,
            signature=Signature((spec,), (spec,)),
            precision="float32",
            producer={},
            weights={},
            created="",
            executes_code=False,  # it may say what it likes
        )
        write_manifest(folder, manifest)

        with pytest.raises(Failure):
            trust.require_trusted(open_artifact(folder), ())

    def test_what_was_exported_here_is_known_wherever_it_lies(self, models, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        artifact = open_artifact(models / "a.pt")
        trust.remember(artifact)
        trust.remember(artifact)
        shutil.copy(models / "a.pt", tmp_path / "a.pt")

        assert trust.require_trusted(open_artifact(tmp_path / "a.pt"), ())
        (line,) = (tmp_path / "state" / "exportbench" / "exported").read_text().splitlines()
        assert line == f"{sha256_of(models / 'a.pt')} a.pt"

    def test_a_list_that_is_damaged_trusts_nothing(self, models, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        (tmp_path / "exportbench").mkdir()
        (tmp_path / "exportbench" / "exported").write_bytes(b"\xff\xfe\n\n *\n")

        with pytest.raises(Failure):
            trust.require_trusted(open_artifact(models / "a.pt"), ())


class TestOption:
    def test_absent_alone_and_with_values(self):
        assert trust.read(None, ["a"]) == ()
        assert trust.read([], ["a"]) == ("*",)
        assert trust.read(["a"], ["a"]) == ("a",)
        assert trust.read(["a (former)"], ["a"]) == ("a (former)",)

    @pytest.mark.parametrize("text", ["b", "0123", "x" * 64, "0" * 65, ""])
    def test_a_value_that_is_nothing_is_wrong_usage(self, text):
        with pytest.raises(UsageError, match="name them before it"):
            trust.read([text], ["a"])

    def test_of_python(self):
        assert trust.from_python(False) is None
        assert trust.from_python(True) == []
        assert trust.from_python("a") == ["a"]
        assert trust.from_python(("a", "b")) == ["a", "b"]


class TestCommands:
    """The same refusal everywhere, and that the option lifts it."""

    def test_run_refuses_one_and_measures_the_other(self, models, tmp_path, run_cli):
        done = run_cli(
            *("run", models / "a.pt", models / "b.onnx", "--inputs", models / "x.npz", *QUICK),
            *("--json", "out.json"),
            cwd=tmp_path,
        )

        assert done.returncode == 3, done.stderr
        listed = json.loads((tmp_path / "out.json").read_text())["rows"]
        rows = {row["artifact"]: row for row in listed}
        assert rows["a.pt"]["outcome"] == Outcome.LOAD_ERROR
        assert refused(rows["a.pt"]["reason"], models / "a.pt")
        assert rows["b.onnx"]["outcome"] == Outcome.OK
        assert not list(tmp_path.glob("runs/*/logs/a.pt*")), "no process was started for it"

    def test_run_with_trust(self, models, tmp_path, run_cli):
        done = run_cli(
            *("run", models / "a.pt", "--inputs", models / "x.npz", *QUICK),
            *("--trust", sha256_of(models / "a.pt")[:32], "--json", "out.json"),
            cwd=tmp_path,
        )

        assert done.returncode == 0, done.stdout + done.stderr
        (row,) = json.loads((tmp_path / "out.json").read_text())["rows"]
        assert "--trust" in row["command"]

    def test_overhead_bisect_doctor_and_self_test(self, models, tmp_path, run_cli):
        inputs = ("--inputs", models / "x.npz")
        for arguments, status in (
            (("overhead", models / "a.pt", *inputs, "--rounds", "1"), 3),
            (("bisect", models / "b.onnx", models / "a.pt", *inputs), 3),
            (("doctor", models), 3),
            (("self-test", models / "a.pt", *inputs, "--simulated", "1", "--budget", "1s"), 2),
        ):
            done = run_cli(*arguments, cwd=tmp_path)
            printed = re.sub(r"\s+", " ", done.stdout + done.stderr)
            assert done.returncode == status, (arguments, printed)
            assert "Traceback" not in printed
            assert refused(printed, models / "a.pt"), (arguments, printed)

    def test_functions(self, models):
        with pytest.raises(Failure, match="--trust"):
            infer.load(models / "a.pt")
        for given in (True, sha256_of(models / "a.pt"), ["a.pt"]):
            with api.load(models / "a.pt", trust=given) as model:
                assert model.run(np.ones((1, 4), np.float32))

    def test_the_gate_trusts_what_its_baseline_names(self, models, tmp_path, run_cli):
        arguments = ("gate", "a.pt", "--baseline", "base.json", "--inputs", "x.npz", *QUICK)
        for name in ("a.pt", "x.npz"):
            shutil.copy(models / name, tmp_path / name)

        done = run_cli(*arguments, "--update", cwd=tmp_path)
        assert done.returncode == 3, done.stdout + done.stderr
        assert f"--trust {sha256_of(models / 'a.pt')}" in done.stderr
        assert not (tmp_path / "base.json").exists()

        done = run_cli(*arguments, "--update", "--trust", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        written = json.loads((tmp_path / "base.json").read_text())["artifacts"]["a.pt"]
        assert written["sha256"] == sha256_of(models / "a.pt")

        done = run_cli(*arguments, "--margin", "memory=off", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_pytest_takes_the_option(self, models):
        from infer.arguments.run_options import parse_gate_config
        from infer.steps.planning import plan_run

        config = parse_gate_config(
            [str(models / "a.pt"), "--baseline", "b", "--inputs", str(models / "x.npz"), "--trust"]
        )
        assert plan_run(config.run).trusted == ("*",)
