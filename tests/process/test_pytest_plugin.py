"""The pytest plugin, in projects that are made up."""

import shutil
import subprocess
import sys

import pytest
from conftest import environment
from untrusted_texts import UNTRUSTED, controls

from infer import pytest_plugin

pytest_plugins = ("pytester",)

OPTIONS = (
    "--inputs inputs.npz --device cpu --threads 1 --batch 4 --scenario single --turns 2 "
    "--burst 0.01s"
)


@pytest.mark.parametrize("text", UNTRUSTED.values(), ids=UNTRUSTED)
def test_what_failed_is_shown_as_text(text):
    """The run as a whole, or a refusal of the baseline, in whose message names may be."""
    with pytest.raises(pytest_plugin._Failed) as caught:
        raise pytest_plugin._Failed(text)

    shown = pytest_plugin._CheckItem.repr_failure(None, caught)

    assert not controls(shown)
    assert not any(line.lstrip().startswith(("::", "##[")) for line in shown.split("\n"))


@pytest.fixture(scope="session")
def original(tmp_path_factory, fake_artifact, inputs_file):
    """An artifact, its inputs and its baseline."""
    folder = tmp_path_factory.mktemp("original")
    inputs_file(folder / "inputs.npz")
    fake_artifact(folder / "exported", "m", call_s=0.001)
    (folder / "pytest.ini").write_text(f"[pytest]\nartifact_options = {OPTIONS}\n")
    command = ("infer", "gate", "exported", "--baseline", "baseline.json", "--update")
    done = subprocess.run(
        [sys.executable, "-m", *command, *OPTIONS.split()],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def project(pytester, monkeypatch, original, installed):
    """A project that holds them, where exportbench is installed from the working tree."""
    monkeypatch.setenv("PYTHONPATH", str(installed))
    shutil.copytree(original, pytester.path, dirs_exist_ok=True)
    return pytester


def run(project, *arguments):
    return project.runpytest_subprocess(*arguments)


GATE = ("--artifact-dir", "exported", "--artifact-baseline", "baseline.json")


def test_each_artifact_and_each_check_is_a_test(project, fake_artifact):
    project.makepyfile("def test_of_the_project(): pass")
    done = run(project, *GATE, "-v")
    done.stdout.fnmatch_lines(["*collected 8 items"])
    # Without a former artifact neither that nor the latency is judged.
    done.assert_outcomes(passed=6, skipped=2)
    done.stdout.fnmatch_lines(["*artifacts::m::parity PASSED*", "*artifacts::m::latency SKIPPED*"])
    assert done.ret == 0

    # Outputs that moved, and an artifact that is gone.
    baseline = project.path / "baseline.json"
    baseline.write_text(baseline.read_text().replace('"m": {', '"gone": {"outcome": "ok"}, "m": {'))
    (project.path / "exported").rename(project.path / "former")
    fake_artifact(project.path / "exported", "m", call_s=0.001, bias=0.3)
    worse = run(project, *GATE, "--artifact-options", f"{OPTIONS} --against former --budget 2s")
    assert worse.ret == 1
    worse.stdout.fnmatch_lines(
        ["*m, parity: failed*", "*differs by 0.3*", "*what to do:*", "*Gate failed:*"]
    )
    worse.stdout.fnmatch_lines(["FAILED artifacts::gone::outcome*"])
    assert "Traceback" not in worse.stdout.str()
    assert "pytest_plugin.py" not in worse.stdout.str()


def test_nothing_is_measured_to_collect(project):
    done = run(project, *GATE, "--collect-only", "-q")
    done.stdout.fnmatch_lines(["artifacts::m::outcome", "artifacts::m::latency"])
    chosen = run(project, *GATE, "--collect-only", "-q", "-k", "m and size")
    chosen.stdout.fnmatch_lines(["artifacts::m::size", "*1/7 tests collected*"])
    assert done.ret == 0
    runs = list((project.path / "artifacts" / "runs").iterdir())
    assert len(runs) == 1  # that of the baseline


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--artifact-dir", "exported"), "go together"),
        ((*GATE[:3], "nowhere.json"), "--update"),
        ((*GATE, "--artifact-options=--nonsense"), "not options of exportbench gate"),
        (("--artifact-dir", "exported", "--artifact-baseline", "inputs.npz"), "not JSON"),
    ],
)
def test_wrong_usage_is_one_line(project, arguments, what):
    done = run(project, *arguments)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert what in done.stderr.str()
    assert "Traceback" not in done.stderr.str()


def test_the_fixture_runs_a_model_in_a_worker(project):
    project.makepyfile(
        """
        import os
        import numpy as np

        def test_model(exported_model):
            model = exported_model("exported/m", threads=1)
            outputs = model.run({"image": np.zeros((3, 4, 4, 3), np.float32)})
            assert outputs["probabilities"].shape == (3, 3)
            assert model.signature.inputs[0].name == "image"
        """
    )
    run(project).assert_outcomes(passed=1)


def test_without_its_options_the_plugin_imports_nothing(pytester, monkeypatch, installed):
    monkeypatch.setenv("PYTHONPATH", str(installed))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others import NumPy
    pytester.makepyfile(
        """
        import sys

        def test_imports(request):
            ours = {name for name in sys.modules if name.partition(".")[0] == "exportbench"}
            assert ours == {"exportbench", "exportbench.pytest_plugin"}
            assert "infer" not in sys.modules
            assert not {"numpy", "rich", "scipy", "sklearn"} & sys.modules.keys()
        """
    )
    pytester.runpytest_subprocess("-p", "exportbench.pytest_plugin").assert_outcomes(passed=1)


def test_the_plugin_is_the_installed_one_by_its_entry_point(project, installed):
    project.makepyfile(
        """
        import sys

        def test_names(exported_model):
            model = exported_model("exported/m", threads=1)
            assert type(model).__module__.partition(".")[0] == "exportbench"
            assert "infer" not in sys.modules
            print("from", sys.modules["exportbench"].__file__)
        """
    )
    done = run(project, "-s")
    done.assert_outcomes(passed=1)
    assert f"from {installed / 'exportbench'}" in done.stdout.str()


def test_names_of_strangers_are_text_in_ids_and_failures(project, fake_artifact):
    name = "m\x1b[2J\n::error::x"
    fake_artifact(project.path / "exported", name, call_s=0.001)

    done = run(project, *GATE, "-v")

    shown = done.stdout.str() + done.stderr.str()
    assert "m\\x1b[2J\\n::error::x" in shown
    assert not controls(shown)
    assert not any(line.lstrip().startswith("::") for line in shown.splitlines())
