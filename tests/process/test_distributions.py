"""What people install: its files, its name, and that it measures without a checkout."""

import json
import subprocess
import sys
import tarfile
from email import message_from_string
from pathlib import Path

from conftest import ROOT, environment
from runs import SMALL

import infer


def test_a_wheel_is_the_package_and_what_is_said_of_it(installed):
    description = f"exportbench-{infer.__version__}.dist-info"
    assert {path.name for path in installed.iterdir()} == {"exportbench", description}
    ours = {
        path.relative_to(ROOT / "infer")
        for path in (ROOT / "infer").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    theirs = {
        path.relative_to(installed / "exportbench")
        for path in (installed / "exportbench").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert theirs == ours
    assert Path("py.typed") in theirs


def test_an_sdist_holds_the_runner_alone(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {Path(name).parts[1] for name in archive.getnames() if len(Path(name).parts) > 1}
    assert {"infer", "pyproject.toml", "README.md", "LICENSE"} <= names
    assert not names & {"train", "export", "study", "tests", "tools"}


def test_the_metadata_say_where_it_runs(installed):
    (folder,) = installed.glob("*.dist-info")
    metadata = message_from_string((folder / "METADATA").read_text())
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Requires-Python"] == ">=3.11"
    classifiers = metadata.get_all("Classifier")
    for line in (
        *(f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)),
        "Operating System :: POSIX :: Linux",
        "Operating System :: MacOS",
        "Typing :: Typed",
    ):
        assert line in classifiers
    assert (folder / "entry_points.txt").read_text().split("\n\n") == [
        "[console_scripts]\nexportbench = exportbench.__main__:main",
        "[pytest11]\nexportbench = exportbench.pytest_plugin\n",
    ]


def test_no_other_name_can_be_imported(installed, tmp_path):
    code = (
        "from importlib.util import find_spec; names = 'exportbench infer train export study tests "
        "tools'.split(); print([name for name in names if find_spec(name)])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],  # nor what other distributions have
        env=environment(installed),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "['exportbench']\n", done.stderr


def test_it_measures_as_exportbench(installed, tmp_path, fake_artifact, inputs_file):
    inputs_file(tmp_path / "inputs.npz")
    fake_artifact(tmp_path, "good")
    fake_artifact(tmp_path, "bad", fault={"at": "load", "kind": "crash"})

    def exportbench(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "exportbench", *arguments],
            env=environment(installed),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    assert exportbench("--version").stdout == f"exportbench {infer.__version__}\n"
    done = exportbench("run", "good", "bad", *SMALL, "--scenario", "single")
    assert done.returncode == 3, done.stderr
    rows = {row["artifact"]: row for row in json.loads((tmp_path / "out.json").read_text())["rows"]}
    assert rows["good"]["outcome"] == "ok"
    command = rows["bad"]["command"]
    assert command.startswith("exportbench run bad ")
    # The command leads to the same end.
    again = exportbench(*command.split()[1:], "--out", "again", "--json", "again.json")
    assert again.returncode == 3, again.stderr
    (row,) = json.loads((tmp_path / "again.json").read_text())["rows"]
    assert (row["outcome"], row["reason"].partition(" (log")[0]) == (
        rows["bad"]["outcome"],
        rows["bad"]["reason"].partition(" (log")[0],
    )
    shown = exportbench("show", *map(str, (tmp_path / "runs").iterdir()))
    assert "python -m infer" not in done.stdout + shown.stdout
