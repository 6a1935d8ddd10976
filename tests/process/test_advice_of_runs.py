"""What runs that stop, devices, and the commands beside `run` advise: each line is followed."""

import errno
import json
import re
import shlex
import sys
from dataclasses import replace

import numpy as np
import pynvml
import pytest
from case_runs import printed_by
from made_up_cards import ONE, TWO
from nvml_double import Device

from infer.formats.registry import FORMATS
from infer.records.process_events import BurstTimed
from infer.records.store import Store
from infer.runtimes.registry import RUNTIMES

pytest_plugins = ("card_fixtures",)

QUICK = (
    *("--scenario", "single", "--turns", "1", "--burst", "0.001s", "--budget", "0.1s"),
    *("--threads", "1"),
)
ON_CPU = (*QUICK, "--device", "cpu")
RUN = ("run", "new/m", "--inputs", "inputs.npz", *ON_CPU)


class Project:
    """A folder with a space in its name, and artifacts of the fake runtime in it."""

    def __init__(self, folder, fake_artifact):
        self.folder = folder
        self._fake_artifact = fake_artifact
        np.savez(folder / "inputs.npz", image=np.random.default_rng(0).random((4, 4, 4, 3)))
        self.make("m")

    def make(self, name, parent="new", **settings):
        return self._fake_artifact(self.folder / parent, name, **settings)

    def run(self, *words):
        """The exit status, and what a command prints."""
        return printed_by(self.folder, *words)

    def follow(self, command):
        """Type a command that was printed."""
        words = shlex.split(command)
        return self.run(*words[words.index("run") :])


@pytest.fixture
def project(tmp_path, fake_artifact):
    folder = tmp_path / "a b"
    folder.mkdir()
    return Project(folder, fake_artifact)


@pytest.fixture
def stop_at_a_burst(monkeypatch):
    """Ends the next run when it records a burst, by an error; what comes later is as usual."""

    def stop(error):
        add = Store.add

        def add_or_stop(store, event):
            if isinstance(event, BurstTimed):
                monkeypatch.setattr(Store, "add", add)
                raise error
            add(store, event)

        monkeypatch.setattr(Store, "add", add_or_stop)

    return stop


def option(text, name):
    """An option that a text names, with its values, as a shell reads them."""
    return shlex.split(re.search(rf"{name} .+?(?=, |; |\)|$)", text, re.MULTILINE)[0])


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), 130), (OSError(errno.ENOSPC, "No space left on device"), 3)],
    ids=["Ctrl-C", "a full disk"],
)
def test_a_run_that_was_cut_off_goes_on_by_the_command(project, stop_at_a_burst, error, status):
    stop_at_a_burst(error)
    stopped, text = project.run(*RUN)
    assert stopped == status, text

    done, text = project.follow(text.rpartition("go on with: ")[2].splitlines()[0])

    assert done == 0, text


def test_a_gate_that_was_cut_off_is_judged_when_its_run_has_gone_on(project, stop_at_a_burst):
    gate = ("gate", "new", "--inputs", "inputs.npz", *ON_CPU, "--baseline", "baseline.json")
    assert project.run(*gate, "--update")[0] == 0
    stop_at_a_burst(KeyboardInterrupt())
    status, text = project.run(*gate)
    assert status == 130, text
    judged, _, command = text.partition("judge it with ")[2].partition(", after: ")

    assert project.follow(command)[0] == 0
    status, text = project.run("gate", *shlex.split(judged), "--baseline", "baseline.json")

    assert status == 0 and "nothing is judged" not in text, text


def test_interpreters_are_given_again_as_it_says(project, tmp_path):
    others = [tmp_path / name for name in ("one", "two")]
    for other in others:
        other.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        other.chmod(0o755)
    for number, other in enumerate(others):
        folder = project.folder / str(number)
        assert project.run(*RUN, "--python", f"mine={other}", "--out", folder)[0] == 0
        (run,) = folder.iterdir()
        status, text = project.run("run", "--resume", run)
        assert status == 2 and "give them again" in text
        again = option(text, "--python")

        assert project.run("run", "--resume", run, *again)[0] == 0
    status, text = project.run("run", "--resume", run, "--python", f"mine={others[0]}")
    assert status == 2 and "give it again" in text
    assert project.run("run", "--resume", run, *option(text, "--python"))[0] == 0


def test_an_interpreter_of_the_same_name_for_each_format_is_given_again(project, monkeypatch):
    """Two environments may have one name, each for another format."""
    from infer.system.interpreters import parse_interpreters

    texts = [f"{name}:old={sys.executable}" for name in list(FORMATS)[:2]]
    assert len(parse_interpreters(texts)) == 2
    both = [f"old={sys.executable}", f"old={sys.executable}"]
    assert len(parse_interpreters(both, distinct=False)) == 2


def test_what_is_trusted_is_said_again_as_it_says(project, monkeypatch):
    monkeypatch.setattr("infer.sandbox.trust._code", lambda artifact: "made up")
    status, text = project.run(*RUN)
    assert status == 3
    trusted = option(text, "--trust")
    assert project.run("run", "new/m", "--inputs", "inputs.npz", *ON_CPU, *trusted)[0] == 0

    assert project.run(*RUN, "--trust", "--out", "trusted")[0] == 0
    (run,) = (project.folder / "trusted").iterdir()
    status, text = project.run("run", "--resume", run)
    assert status == 2 and option(text, "--trust") == ["--trust", "m"]
    assert project.run("run", "--resume", run, *option(text, "--trust"))[0] == 0

    monkeypatch.setattr("infer.cli.doctor.runtime_names", lambda: ["fake"])
    status, text = project.run("doctor", "new/m")
    assert status == 3
    assert project.run("doctor", "new/m", *option(text, "--trust"))[0] == 0


def test_a_folder_that_a_worker_may_not_read_is_named_in_the_variable(project, monkeypatch):
    tables = project.folder / "tables"
    tables.mkdir()
    (tables / "one").write_text("a table")
    project.make("vendor", "more", reads=str(tables / "one"))
    measure = ("run", "more", "--inputs", "inputs.npz", *ON_CPU)
    status, text = project.run(*measure)
    assert status == 3 and "Permission denied" in text, text
    variable = re.search(r"name the folders in\s(\w+)", text)[1]

    monkeypatch.setenv(variable, str(tables))

    assert project.run(*measure)[0] == 0


def test_a_call_that_takes_long_is_given_the_time(project):
    project.make("slow", "more", load_s=1.5)
    measure = ("run", "more", "--inputs", "inputs.npz", *ON_CPU)
    status, text = project.run(*measure, "--timeout", "1")
    assert status == 3 and "(see --timeout)" in text
    assert project.run(*measure, "--timeout", "60")[0] == 0


def test_a_call_that_takes_much_memory_is_given_more(project):
    project.make("large", "more", call_s=0.02, balloon_mb=80)
    measure = ("run", "more", "--inputs", "inputs.npz", *ON_CPU)
    status, text = project.run(*measure, "--memory-limit", "150MiB")
    assert status == 3, text
    more = re.search(r"more than\s+150\s+MiB\s+\(see\s+(--memory-limit)\)", text)[1]
    assert project.run(*measure, more, "4GiB")[0] == 0


def test_a_file_that_is_called_like_a_variant_is_renamed(project):
    folder = project.make("m (defaults)")
    measure = ("run", "new", "--inputs", "inputs.npz", *ON_CPU, "--defaults")
    status, text = project.run(*measure)
    assert status == 2 and "rename one" in text
    folder.rename(folder.with_name("other"))
    status, text = project.run(*measure)
    assert status == 0, text


def test_a_self_test_of_an_artifact_is_given_its_inputs(project):
    short = ("--generations", "1", "--turns", "1", "--simulated", "1", "--device", "cpu")
    words = ("self-test", "new/m", *short)
    status, text = project.run(*words)
    assert status == 2
    missing = re.search(r"goes with (--inputs)", text)[1]
    status, text = project.run(*words, missing, "inputs.npz", "--threads", "1", "--budget", "1s")
    assert status == 0 and "copies of m" in text, text


def test_a_runtime_of_a_plugin_is_installed_to_go_on(project, monkeypatch):
    monkeypatch.setitem(RUNTIMES, "fake", replace(RUNTIMES["fake"], for_tests=False))
    assert project.run(*RUN, "--runtime", "fake")[0] == 0
    (run,) = (project.folder / "artifacts" / "runs").iterdir()
    with monkeypatch.context() as without:
        without.delitem(RUNTIMES, "fake")
        status, text = project.run("run", "--resume", run)
        assert status == 2 and "install the plug-in" in text
    assert project.run("run", "--resume", run)[0] == 0


def test_an_artifact_without_inputs_is_given_some(project):
    status, text = project.run("run", "new/m", *ON_CPU)
    assert status == 3 and "give some with --inputs FILE.npz" in text
    assert project.run(*RUN)[0] == 0
    random = option(text, "--random")
    assert random == ["--random", "0"] and project.run("run", "new/m", *ON_CPU, *random)[0] == 0


def test_a_reference_that_draws_random_numbers_is_replaced_by_the_one_that_is_named(project):
    project.make("random", noise=0.1)
    both = ("run", "new", "--inputs", "inputs.npz", *ON_CPU)
    status, text = project.run(*both, "--reference", "random")
    assert status == 1 and "as the reference it judges nothing" in text
    better = re.search(r"name another with (--reference)", text)[1]
    status, text = project.run(*both, better, "m")
    assert "judges nothing" not in text


def test_arrays_are_given_as_the_message_says(project):
    np.save(project.folder / "image.npy", np.load(project.folder / "inputs.npz")["image"])
    for file in ("inputs.npz", "image.npy"):
        status, text = project.run("inspect", file)
        assert status == 2, text
        given = re.search(r"give (?:it|them) with (--inputs)", text)[1]
        assert project.run("run", "new/m", given, file, *ON_CPU)[0] == 0


def test_a_report_has_pictures_with_the_inputs_that_it_asks_for(project):
    assert project.run(*RUN)[0] == 0
    (run,) = (project.folder / "artifacts" / "runs").iterdir()
    page = run / "report.html"
    project.run("report", run)
    asked = "name the inputs of the run with --inputs FILE"
    assert asked in page.read_text()

    project.run("report", run, "--inputs", "inputs.npz")

    assert asked not in page.read_text()


def test_a_former_artifact_with_other_bytes_is_taken_by_its_outputs(project):
    gate = ("gate", "new", "--inputs", "inputs.npz", *ON_CPU, "--baseline", "baseline.json")
    assert project.run(*gate, "--update")[0] == 0
    project.make("m", "former", note="exported again")

    def former(*words):
        project.run(*gate, "--against", "former", "--json", "gate.json", *words)
        checks = json.loads((project.folder / "gate.json").read_text())["checks"]
        return next(check for check in checks if check["kind"] == "former")

    failed = former()
    assert failed["verdict"] == "failed"
    assert former(*option(failed["remedy"], "--margin"))["verdict"] == "passed"


def test_a_command_is_printed_in_one_line_however_long_it_is(project):
    assert project.run(*RUN, "--out", project.folder / ("runs of mine " * 9))[0] == 0
    (run,) = (project.folder / ("runs of mine " * 9)).iterdir()
    status, text = project.run("choose", run, "--p90", "1s")
    assert status == 4, text
    (line,) = [line for line in text.splitlines() if "go on with: " in line]

    assert shlex.split(line.partition("go on with: ")[2])[-3] == str(run)


class TestDevices:
    """A double of the driver tells of the cards; the fake runtime runs on any."""

    @pytest.fixture(autouse=True)
    def two_cards(self, driver, runtimes):
        runtimes()
        self.driver = driver
        driver(Device(uuid=ONE), Device(uuid=TWO, name="Another"))

    def measure(self, project, artifact, device):
        words = ("run", artifact, "--inputs", "inputs.npz", *QUICK, "--device")
        return project.run(*words, *shlex.split(device))

    def test_a_card_that_is_not_there_is_replaced_by_those_that_are_listed(self, project):
        status, text = self.measure(project, "new", "cuda:7")
        assert status == 2
        listed = re.findall(r"cuda:\d", text.partition("choose one of ")[2])
        assert listed == ["cuda:0", "cuda:1"]
        assert self.measure(project, "new", listed[-1])[0] == 0

    def test_a_card_that_one_process_may_use_is_used_by_one(self, project):
        project.make("n")
        self.driver(Device(uuid=ONE, mode=pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS))
        status, text = self.measure(project, "new", "cuda")
        assert status == 2 and "or one artifact a run" in text
        assert self.measure(project, "new/m", "cuda")[0] == 0
        cpu = re.search(r"take --device (\w+)", text)[1]
        assert self.measure(project, "new", cpu)[0] == 0
        assert "nvidia-smi -i 0 -c DEFAULT" in text
        self.driver(Device(uuid=ONE, mode=pynvml.NVML_COMPUTEMODE_DEFAULT))
        assert self.measure(project, "new", "cuda")[0] == 0
