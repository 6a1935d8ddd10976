"""What the gate, choose and bisect advise: each line is followed as it is printed."""

import json
import re
import shlex
import shutil

import numpy as np
import pytest
from case_runs import printed_by

from infer.records.events import elapsed_s
from infer.records.store import read_events

QUICK = ("--turns", "1", "--burst", "0.01s", "--threads", "1", "--batch", "4", "--device", "cpu")
LABELS = np.arange(10) % 3
IMAGES = np.random.default_rng(0).random((10, 4, 4, 3), dtype=np.float32)


class Project:
    """A folder with a space in its name, artifacts of the fake runtime, and their baseline."""

    def __init__(self, folder, fake_artifact):
        self.folder = folder
        self._fake_artifact = fake_artifact
        np.savez(folder / "inputs.npz", image=IMAGES, labels=LABELS)
        np.savez(folder / "other.npz", image=IMAGES[::-1], labels=LABELS)
        self.make("new", "m", call_s=0.001)
        status, _, text = self.measure("new", "--update")
        assert status == 0, text
        self.good = self.last_run(text)

    def make(self, parent, name, **settings):
        self._fake_artifact(self.folder / parent, name, **settings)

    def run(self, *words):
        """The exit status, and what a command prints."""
        status, text = printed_by(self.folder, *words)
        return status, " ".join(text.split())

    def measure(self, artifact, *words, inputs="inputs.npz", baseline="baseline.json"):
        """A gate of an artifact: its exit status, its checks, and what it prints."""
        given = (artifact, "--inputs", inputs, *QUICK)
        return self.gate(*given, "--trust", *words, baseline=baseline)

    def judge(self, run, *words, baseline="baseline.json"):
        """A gate of a run that was measured."""
        return self.gate("--run", run, *words, baseline=baseline)

    def gate(self, *words, baseline="baseline.json"):
        """A gate: its exit status, its checks, and what it prints."""
        file = self.folder / "gate.json"
        file.unlink(missing_ok=True)
        options = ("--baseline", baseline, "--json", file)
        status, text = self.run("gate", *words, *options)
        checks = json.loads(file.read_text())["checks"] if file.stat().st_size else []
        return status, {check["name"]: check for check in checks}, text

    def last_run(self, text):
        return self.folder / re.search(r"results: (.*?/runs/[\w-]+)", text)[1]

    def follow(self, command):
        """Type a command that was printed."""
        words = shlex.split(command)
        return self.run(*words[words.index("run") :])


@pytest.fixture(scope="module")
def project(tmp_path_factory, fake_artifact):
    return Project(tmp_path_factory.mktemp("a b"), fake_artifact)


def options(text, **values):
    """The options that a text names, as a shell reads them, with values for words in capitals."""
    typed = re.findall(r"--[a-z][a-z-]*(?: (?!or\b|and\b|to\b)[\w=%./-]+)*", text)
    words = [word for option in typed for word in shlex.split(option)]
    for name, value in values.items():
        words = [word.replace(name, value) for word in words]
    return words


def test_a_baseline_that_is_missing_or_damaged_is_written_with_update(project):
    status, _, text = project.judge(project.good, baseline="none.json")
    assert status == 2 and options(text) == ["--update"]
    assert project.judge(project.good, *options(text), baseline="none.json")[0] == 0
    assert project.judge(project.good, baseline="none.json")[0] == 0

    file = project.folder / "none.json"
    file.write_text("{")
    status, _, text = project.judge(project.good, baseline="none.json")
    assert status == 2 and "remove it and write it anew" in text
    file.unlink()
    assert project.judge(project.good, *options(text), baseline="none.json")[0] == 0


def test_other_inputs_are_taken_into_the_baseline_or_not_judged(project):
    status, checks, text = project.measure("new", inputs="other.npz")
    remedy = checks["inputs"]["remedy"]
    assert status == 1 and "--update" in remedy
    neither = options(remedy.partition("judge neither with ")[2])
    assert neither == ["--margin", "parity=off", "accuracy=off"]
    run = project.last_run(text)
    assert "inputs" not in project.judge(run, *neither)[1]
    assert "were not the baseline's" not in project.judge(run)[2]
    shutil.copy(project.folder / "baseline.json", project.folder / "taken.json")
    assert project.judge(run, "--update", baseline="taken.json")[0] == 0
    assert "inputs" not in project.judge(run, baseline="taken.json")[1]


def test_other_outputs_and_a_size_that_grew_are_allowed_by_margins(project):
    project.make("changed", "m", bias=0.2, padding="x" * 10_000)
    _, checks, text = project.measure("changed")
    parity, size = checks["parity"], checks["size"]
    assert parity["verdict"] == size["verdict"] == "failed"
    value = re.search(r"--margin parity=VALUE", parity["remedy"])[0]
    share = size["remedy"].partition("allow it with ")[2]
    run = project.last_run(text)
    assert project.judge(run, *options(value, VALUE="0.5"))[1]["parity"]["verdict"] == "passed"
    assert project.judge(run, *options(share))[1]["size"]["verdict"] == "passed", share


def test_another_setup_is_named_with_the_options_that_make_it_the_baselines(project):
    _, checks, _ = project.measure("new", "--threads", "2", "--batch", "5")
    memory = checks["memory"]
    assert memory["verdict"] == "not judged"
    same = options(memory["remedy"].partition(", or")[0])
    assert sorted(same) == ["--batch", "--threads", "1", "4"]
    assert project.measure("new", *same)[1]["memory"]["verdict"] != "not judged"


def test_calls_that_were_not_timed_are_timed_by_the_options_that_are_printed(project):
    extra = ("--scenario", "resident")
    assert project.measure("new", "--update", *extra, baseline="resident.json")[0] == 0
    _, checks, _ = project.judge(project.good, baseline="resident.json")
    missing = [check for check in checks.values() if "not measured in this run" in check["detail"]]
    remedies = {check["remedy"] for check in missing if check["kind"] == "latency"}
    assert len(missing) == 2 and len(remedies) == 1
    _, checks, _ = project.measure("new", *options(remedies.pop()), baseline="resident.json")
    details = [checks[check["name"]]["detail"] for check in missing]
    assert not any("not measured in this run" in detail for detail in details)


def test_time_is_judged_beside_the_former_artifact_and_a_command_compares_both(project):
    remedy = project.judge(project.good)[1]["latency, batch 1"]["remedy"]
    assert options(remedy) == ["--against"]
    project.make("slow", "m", call_s=0.02)
    long = ("--against", "new", "--resolve", "0.5", "--budget", "40s", "--scenario", "single")
    _, checks, text = project.measure("slow", *long)
    latency = checks["latency, batch 1"]
    assert latency["verdict"] == "failed", latency
    command = latency["remedy"].partition("see what differs: ")[2].partition("; if it")[0]
    status, printed = project.follow(f"{command} --budget 0.2s")
    assert status in (0, 1), printed  # measured; what differs is shown
    assert "slow/m" in printed and "new/m" in printed
    share = re.search(r"--margin latency=SHARE", latency["remedy"])[0]
    judged = project.judge(project.last_run(text), *options(share, SHARE="5000%"))[1]
    assert judged["latency, batch 1"]["verdict"] == "passed"


def test_what_no_longer_runs_is_run_alone_by_the_command_that_is_printed(project):
    project.make("broken", "m", fault={"at": "run", "kind": "crash"})
    status, checks, _ = project.measure("broken")
    command = checks["outcome"]["remedy"].partition("run it alone: ")[2]
    assert status == 1 and command
    status, text = project.follow(command)
    assert status == 3 and "crash" in text


def test_what_is_not_trusted_is_trusted_by_the_hash_that_is_printed(project, monkeypatch):
    monkeypatch.setattr("infer.sandbox.trust._code", lambda artifact: "made up")
    project.make("strange", "m", note="somebody else's")
    words = ("strange", "--inputs", "inputs.npz", *QUICK)
    status, checks, _ = project.gate(*words)
    remedy = checks["outcome"]["remedy"]
    assert status == 1 and re.fullmatch("--trust [0-9a-f]{64}", " ".join(options(remedy)))
    assert project.gate(*words, *options(remedy))[1]["outcome"]["verdict"] == "passed"


def test_what_is_gone_is_taken_out_of_the_baseline(project):
    baseline = json.loads((project.folder / "baseline.json").read_text())
    baseline["artifacts"]["gone"] = baseline["artifacts"]["m"]
    (project.folder / "two.json").write_text(json.dumps(baseline))
    status, checks, _ = project.judge(project.good, baseline="two.json")
    drop = options(checks["outcome"]["remedy"].partition("take it out of")[2])
    assert status == 1 and drop == ["--update", "--drop", "gone"]
    assert project.judge(project.good, *drop, baseline="two.json")[0] == 0
    assert project.judge(project.good, baseline="two.json")[0] == 0


def test_a_choice_that_a_run_cannot_tell_names_the_run_that_can(project):
    asked = ("choose", project.good, "--p90", "1s")
    status, text = project.run(*asked)
    assert status == 4, text
    command = text.partition("go on with: ")[2].partition(" --budget")[0]
    for _ in range(10):  # a few seconds at a time, until it is told, instead of ten minutes
        budget = elapsed_s(read_events(project.good)) + 2
        assert project.follow(f"{command} --budget {budget:.0f}s")[0] == 0
        if project.run(*asked)[0] == 0:
            break
    assert project.run(*asked)[0] == 0

    calls = "batch 4, on the device"
    status, text = project.run(*asked, "--at", calls)
    assert status == 4
    words = options(text.partition("a run with ")[2].partition(" does")[0])
    inputs = ("new", "--inputs", "inputs.npz", *QUICK, "--trust", "--out", "more")
    assert project.run("run", *inputs, *words)[0] == 0
    (folder,) = (project.folder / "more").iterdir()
    assert "did not time" not in project.run("choose", folder, "--p90", "1s", "--at", calls)[1]
    status, text = project.run(*asked, "--at", "batch four")
    assert status == 4 and "there are: batch 4, batch 1)" in text
