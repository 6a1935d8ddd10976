"""Artifacts that attack the controller from their worker: each is its own crash, in time.

What single answers and folders may look like is in tests/unit/worker/test_answers.py and
tests/unit/tensors/test_output_files.py; here it goes through a whole run.
"""

import json
import shutil
import time

import pytest
from conftest import ROOT
from runs import SMALL, left_behind, outcomes_of, records_of, results_of

from infer.outcome import Outcome

TIMEOUT_S = 5
REPLACED = "outputs(lambda folder: [(f := folder / '{}').unlink(), {}])"
# What the payload executes, and how its outcome is told.
ATTACKS = {
    "pipe": ("import os\n" + REPLACED.format("output_0.npy", "os.mkfifo(f)"), "no regular file"),
    "link": (REPLACED.format("output_0.npy", "f.symlink_to('/etc/hostname')"), "is a link"),
    "folder": (REPLACED.format("output_0.npy", "f.mkdir()"), "no regular file"),
    "no-index": (REPLACED.format("outputs.json", "None"), "outputs.json is missing"),
    "deep-index": (
        "outputs(lambda folder: (folder / 'outputs.json').write_text('[' * 10**5))",
        "no index",
    ),
    "terabyte": (
        "import os\noutputs(lambda folder: os.truncate(folder / 'output_0.npy', 1 << 40))",
        "bytes, more than",
    ),
    "folder-link": (
        "import shutil\noutputs(lambda folder: [shutil.rmtree(folder), folder.symlink_to('/etc')])",
        "is no folder",
    ),
    "other-rows": (
        "outputs(lambda folder: (folder / 'outputs.json').write_text("
        "(folder / 'outputs.json').read_text().replace('[[0, ', '[[0, 1], [0, 1], [2, ')))",
        "not of the samples",
    ),
    "object": ("answers('predict', lambda line: b'{}\\n')", "neither a response"),
    "list": ("answers('load', lambda line: b'[]\\n')", "not an object"),
    "nan": (
        "answers('warm_up', lambda line: line.replace(b'true', b'NaN'))",
        "not JSON",
    ),
    "huge-time": (
        "import re\n"
        "answers('first_call', lambda line: "
        "re.sub(rb'.seconds.: [^,]*', b'\"seconds\": 1e9', line))",
        "1e+09 s within",
    ),
    "other-count": (
        "import re\n"
        "answers('burst', lambda line: re.sub(rb'.seconds.: .[^]]*', b'\"seconds\": [1e-9', line))",
        "1 times",
    ),
    "storage": (
        "answers('predict', lambda line: b'{\"storage_error\": \"no room\"}\\n')",
        "which they can",
    ),
    "twice": ("answers('inputs', lambda line: line + line)", "before it was asked"),
    "ok": (
        "import json\n"
        "failure = dict(outcome='ok', reason='', is_shortened=False, index_limit=None, cause='')\n"
        "answers('load', lambda line: json.dumps({'failure': failure}).encode() + b'\\n')",
        "no outcome of a worker",
    ),
    "no-end": ("answers('load', lambda line: b'x' * (20 << 20))", "has no end"),
    "closes": (
        "import os, sys\n"
        "answers('load', lambda line: [os.closerange(3, 99), __import__('time').sleep(60)])",
        "closed its answers",
    ),
    "deep-folders": (
        "import os\n"
        "def deep(folder):\n"
        "    for _ in range(300):\n"
        "        os.mkdir('d' * 99), os.chdir('d' * 99)\n"
        "    os._exit(3)\n"
        "outputs(deep)",
        "exited with status 3",
    ),
}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory, run_cli, fake_artifact, inputs_file):
    """A run of all attacks beside an artifact that is well, and how long it took."""
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "infer", project / "infer")
    runtimes = project / "infer" / "runtimes"
    (runtimes / "fake.py").rename(runtimes / "honest_fake.py")
    shutil.copy(ROOT / "tests" / "support" / "hostile_runtime.py", runtimes / "fake.py")
    inputs_file(project / "inputs.npz")
    fake_artifact(project / "artifacts", "well")
    for name, (code, _) in ATTACKS.items():
        fake_artifact(project / "artifacts", name, attack=code)
    begin = time.monotonic()
    options = ("--budget", "1s", "--timeout", TIMEOUT_S)
    done = run_cli("run", "artifacts", *SMALL, *options, cwd=project, root=project)
    records = records_of(results_of(project))
    reasons = {r["artifact"]: r["reason"] for r in records if r["kind"] == "outcome"}
    return done, outcomes_of(records), reasons, project, time.monotonic() - begin


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_a_crash_of_its_artifact(attacked, name):
    _, outcomes, reasons, _, _ = attacked

    assert (outcomes[name], "\n" in reasons[name]) == (Outcome.CRASH, False), reasons[name]
    assert ATTACKS[name][1] in reasons[name]


def test_the_others_are_measured_in_time_and_nothing_is_left(attacked):
    done, outcomes, _, project, seconds = attacked

    assert "Traceback" not in done.stdout + done.stderr
    assert outcomes["well"] == "ok"
    assert json.loads((project / "out.json").read_text())["interrupted"] is False
    assert seconds < len(ATTACKS) * (TIMEOUT_S + 10)
    assert not list(project.glob("runs/*/logs/controller.log"))
    assert not list(project.glob("runs/*/scratch"))
    assert not left_behind(project)
