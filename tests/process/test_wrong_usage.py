"""Wrong usage of `run` and `show`, which ends in a line."""

import shutil

import pytest

pytest_plugins = ("measured_run_fixtures",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--inputs", "nothing.npz"], "nothing.npz: cannot be read"),
        (["--inputs", "text.npz"], "text.npz: not a whole .npz file"),
        (["--reference", "nobody"], "--reference nobody: choose one of artifact"),
        (["--threads", "0"], "not a positive number"),
        (["--threads", "100000"], "--threads 100000"),
        (["--out", "text.npz"], "--out text.npz"),
        (["--protocol", "endless"], "invalid choice: 'endless'"),
        (["--scenario", "single", "all"], "invalid choice: 'all'"),
        (["--turns", "0"], "not a positive number"),
        (["--burst", "soon"], "'soon' is no duration"),
        (["--budget", "0s"], "'0s' is no duration"),
        (["--resolve", "120%"], "'120%' is no share"),
        (["--memory-limit", "much"], "'much' is no size"),
        (["--resume", "nothing"], "--resume goes on with the artifacts and options that the run"),
    ],
)
def test_wrong_usage_is_told_in_a_line(tmp_path, fake_artifact, refused, options, message):
    fake_artifact(tmp_path, "artifact")
    (tmp_path / "text.npz").write_text("some text")

    assert message in refused("run", "artifact", *options)


@pytest.mark.parametrize("content", [None, "", '{"schema_version": 99, "kind": "run"}\n', "[]\n"])
def test_show_of_what_is_no_run(tmp_path, refused, content):
    if content is not None:
        (tmp_path / "results.jsonl").write_text(content)

    assert str(tmp_path) in refused("show", tmp_path)


def test_nothing_to_run(root, tmp_path, run_cli):
    # A project in which only the runner is installed.
    shutil.copytree(root / "infer", tmp_path / "infer")

    done = run_cli("run", cwd=tmp_path, root=tmp_path)

    assert done.returncode == 2
    assert done.stderr.strip() == "error: no artifact named, and none below artifacts/"
