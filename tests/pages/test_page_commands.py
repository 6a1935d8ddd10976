"""The commands of the pages, run as their readers type them, in a folder that has what they name.

They are made shorter where minutes are asked for, and those that do the same then are run once; of
tox the commands are run that tox.ini has for it. Those of docs/own-model.md, docs/public-models.md
and examples/gate are run in their order, by tests of their own, and so are those that install. What
is not run is skipped, with the reason.
"""

import re
import shutil
import subprocess
import sys

import numpy as np
import page_files
import pytest
from commands import QUICK, typed_in
from conftest import ROOT
from pages import COMMANDS, GIT, PROGRAM, TOX, of_tox, words_of
from source_files import image_bytes, write_images

from infer.exporting import trust_exported

# By the start of a command, why it is not run.
NOT_RUN = {
    "python -m train --profile paper --size 64": "downloads the official images of 64 pixels",
    "python -m study": "takes hours, and half an hour at its shortest",
    "python tools/large_inputs.py": "makes 7.5 GB of images, and takes twenty minutes",
    "python tools/lock.py": "resolves hundreds of packages, which takes minutes",
    "python -m export --format installed": "takes minutes; it makes test_exporting.py's artifacts",
    "python -m train.benchmark torch --memory": "takes minutes; test_train.py has it at 28 pixels",
    "python -m pytest": "is what runs this test",
    "python -m export --device cpu": "takes minutes; test_exported_artifacts.py has every format",
    "exportbench self-test --budget": "takes a minute at its shortest; test_self_test.py runs it",
    "exportbench gpu-check": "takes minutes; test_gpu_check.py runs it on small artifacts",
    "ruff": "is run by tox beside the tests",
    "mypy": "is run by tox beside the tests",
    "python -m mypy": "is run by tox -e plugins, where the plug-ins are installed",
    "lint-imports": "is run by tox beside the tests",
    "exportbench inspect model.tally": "takes a package that the reader writes; test_plugins.py",
    "exportbench run model.tally": "takes a package that the reader writes; test_plugins.py",
    "exportbench run model.onnx --try onnx:runtime=tally": "takes that package too",
}
ELSEWHERE = ("own-model.md", "public-models.md", "metrics.md")
# By the start of a command, how it ends where that is not 0: the gate is not sure of times after so
# few calls, what is not trusted is not opened, two models differ, and so does OpenVINO as it comes
# where the processor has bfloat16.
STATUS = {
    "exportbench run onnx-torch --runtime openvino": {0, 1},
    "exportbench gate": {0, 4},
    "exportbench run model.pt": {3},
    "exportbench bisect": {1},
}
_FEWER = "--inputs test.npz --batch 16"
_TINY = "--dataset synthetic --epochs 1 --train-images 128"
# What is added to a command, by its start, the first that fits: what comes last counts.
SHORTER = {
    "exportbench run artifacts/exported": f"{QUICK} {_FEWER} --budget 1s",
    "exportbench run onnx-torch": f"{QUICK} {_FEWER} --scenario single --budget 1s",
    "exportbench run": f"{QUICK} --scenario single --budget 1s",
    "exportbench gate": f"{QUICK} --budget 1s",
    "python tools/conformance.py": "--every 200",
    "python tools/fuzz.py": "--inspect 7 --run 0 --samples samples --format onnx",
    "python tools/fuzz_border.py": "--answers 20 --folders 5",
    "python tools/measurement_study.py collect": "--minutes 0.05",
    "python tools/interval_simulation.py": "--runs 2 --generations 3",
    "python tools/core_distance.py": "--minutes 0.05",
    "exportbench profile": "--batch 2",
    "exportbench overhead": "--batch 1 --rounds 5",
    "exportbench self-test": "--budget 5s --simulated 5 --turns 1",
    "python -m infer run": f"{QUICK} {_FEWER} --budget 1s",
    "python -m export --format": "--dataset synthetic --out exported-here",
    "python -m export": "--format torchscript --dataset synthetic --out exported-here",
    "python -m train.benchmark": "torch --rounds 1 --images 128",
    "python -m train torch": _TINY,
    "python -m train": f"torch {_TINY}",
}


def _typed(line):
    """A page's line as it is run: shorter."""
    line = re.sub(r" (ARTIFACT) \.\.\.", r" \1", line)
    if "--resume" in line:
        # The run has an artifact that was trusted by an option, which is given again.
        return re.sub(r"--budget \S+", "--budget 1s", line) + " --trust"
    if line.endswith("--help"):
        return line
    more = next((words for start, words in SHORTER.items() if line.startswith(start)), "")
    # A list of what is trusted takes all that follows.
    return re.sub(r"( --trust)?$", rf" {more}\1", line, count=1) if more else line


def _model_folder(folder):
    """What the pages call artifacts: files, folders of files, and runs, by their names."""
    for framework in ("onnx", "torch", "tensorflow", "jax"):
        maker = [sys.executable, page_files.__file__, framework, folder]
        done = subprocess.run(maker, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    for name in ("a.onnx", "PATH", "ARTIFACT"):
        shutil.copy(folder / "model.onnx", folder / name)
    shutil.copy(folder / "model.pt", folder / "b.pt")
    for name in ("exported", "former"):
        (folder / name).mkdir()
        shutil.copy(folder / "model.onnx", folder / name)
    random = np.random.default_rng(1)
    for name, size in (("test.npz", 28), ("larger.npz", 64)):
        images = random.random((300, size, size, 3), dtype=np.float32)
        images *= random.random((300, 1, 1, 3), dtype=np.float32)
        labels = page_files.probabilities(images).argmax(1)
        np.savez(folder / name, image=images, labels=labels)
    shutil.copy(folder / "test.npz", folder / "FILE.npz")
    photos = {f"{n % 2}/{n}.png": image_bytes(28, 28, value=20 * n) for n in range(12)}
    write_images(folder / "photos", photos, '[inputs.image]\nscale = "1/255"\n')
    state = np.zeros((1, 4), np.float32)
    steps = random.normal(size=(12, 4)).astype(np.float32)
    np.savez(folder / "sequence.npz", x=steps, h=state, c=state)


def _program_folder(folder):
    """The project's tools, the other interpreter, and a repository for what is committed."""
    (folder / "tools").symlink_to(ROOT / "tools")
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    (folder / "old" / "bin").mkdir(parents=True)
    (folder / "old" / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (folder / "old" / "bin" / "python").chmod(0o755)


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    root = tmp_path_factory.mktemp("pages")
    folder = root / "desk"
    folder.mkdir()
    _model_folder(folder)
    _program_folder(folder)
    (folder / "artifacts" / "exported").mkdir(parents=True)
    for name in ("model.onnx", "model.jax"):
        shutil.copy(folder / name, folder / "artifacts" / "exported" / name)
    trust_exported(folder / "artifacts" / "exported" / "model.jax")
    (folder / "artifacts" / "pretrained").symlink_to(ROOT / "artifacts" / "pretrained")
    (folder / "FOLDER").symlink_to("artifacts")
    run = typed_in(folder, root / "bin")
    done = run("python -m export --format onnx-torch --dataset synthetic --out artifacts/networks")
    assert done.returncode == 0, done.stderr
    (networks,) = folder.glob("artifacts/networks/*")
    (folder / "onnx-torch").symlink_to(networks / "onnx-torch")
    for name, inputs in (("RUN", "test.npz"), ("LARGER", "larger.npz")):
        options = f"--inputs {inputs} --batch 16 {QUICK} --out {name}"
        line = f"exportbench run a.onnx b.pt {options} --trust"
        done = run(line)
        assert done.returncode == 0, done.stderr
        (measured,) = (folder / name).iterdir()
        measured.rename(folder / "moved")
        (folder / name).rmdir()
        (folder / "moved").rename(folder / name)
    for name, made in (("RUN_A", "RUN"), ("RUN_B", "RUN"), ("RUN_AT_28", "RUN")):
        shutil.copytree(folder / made, folder / name)
    (folder / "LARGER").rename(folder / "RUN_AT_64")
    shutil.copytree(folder / "RUN", folder / "artifacts" / "runs" / "RUN")
    return run


def _is_run(page, line):
    """Whether a line is more than the name of a command, and is of this test."""
    words = words_of(line.removeprefix(PROGRAM.match(line)[0]))
    return page.name not in ELSEWHERE and (
        len(words) > 1 or (words[:1] and words[0].startswith("-"))
    )


def _work(line):
    """What a line does as it is run: two lines that say it in other words do the same."""
    line = _typed(line).replace("python -m infer", "exportbench")
    line = re.sub(r"^exportbench run artifacts/exported\b", "exportbench run", line)
    line = re.sub(r" --seed \d+", "", line)
    # Of an option that is given twice, the last counts.
    return re.sub(r" (--budget|--batch|--turns) \S+(?=.* \1 )", "", line)


RUN = {line: page for page, line in COMMANDS if _is_run(page, line)}
RUN |= {command: page for page, line in TOX for command in of_tox(line)}
RUN |= {line: page for page, line in GIT}
_FIRST = {_work(line): line for line in reversed(RUN)}
RUN = {line: page for line, page in RUN.items() if _FIRST[_work(line)] == line}


@pytest.mark.parametrize("line", RUN, ids=[f"{page.name}: {line}" for line, page in RUN.items()])
def test_command_does_what_the_page_says(line, request):
    for start, reason in NOT_RUN.items():
        if line.startswith(start) and not line.endswith("--help"):
            pytest.skip(reason)
    done = request.getfixturevalue("shell")(_typed(line))
    expected = next((ends for start, ends in STATUS.items() if line.startswith(start)), {0})
    assert done.returncode in expected, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
