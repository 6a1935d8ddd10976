"""The self-test for real, in its short form."""

import json


def test_short_form_on_this_machine(tmp_path, run_cli):
    done = run_cli(
        *("self-test", "--generations", "3", "--budget", "20m", "--simulated", "4", "--json", "-"),
        *("--threads", "1", "--turns", "1"),
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    verdicts = {row["title"]: row for row in json.loads(done.stdout)}
    assert any(name.startswith("simulated") for name in verdicts)
    for runtime in ("fake runtime", "ONNX Runtime"):
        name = f"{runtime}, batch 1, 11 artifacts, 3 generations"
        assert verdicts[name]["comparisons"] == 1
        assert -0.2 < verdicts[name]["bias"] < 0.2


def test_artifact_of_ones_own_needs_inputs(tmp_path, run_cli):
    done = run_cli("self-test", "model.onnx", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.strip() == "error: self-test: an ARTIFACT of your own goes with --inputs"
