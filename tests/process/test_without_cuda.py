"""On a machine with a card, what is to run on the CPU leaves JAX's plugin for CUDA alone."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from export import build
from infer import exporting
from infer.system.visible_cards import WITHOUT_CUDA
from infer.variant import TUNED
from infer.worker.environment_variables import environment_of

# As JAX's own plugin on such a machine: it finds no device where all are hidden, and JAX is not to
# go on without it.
PLUGIN = """
import os
from jax._src import hardware_utils, xla_bridge

def client():
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "-1":
        raise RuntimeError("CUDA_ERROR_NO_DEVICE")

def initialize():
    hardware_utils.has_visible_nvidia_gpu = lambda: True
    xla_bridge.register_backend_factory("cuda", client, priority=500, fail_quietly=False)
"""
PROGRAM = "import jax; print(jax.numpy.ones(3).sum().platform())"
EXPORT = (
    "import jax, jax.export; f = jax.export.export(jax.jit(lambda x: x + 1), "
    "platforms=('cpu', 'cuda')); print(*f(jax.ShapeDtypeStruct((2,), 'float32')).platforms)"
)


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_jax_calculates_and_exports_for_cuda_without_the_plugin(tmp_path):
    (tmp_path / "jax_plugins" / "xla_cuda_double").mkdir(parents=True)
    (tmp_path / "jax_plugins" / "xla_cuda_double" / "__init__.py").write_text(PLUGIN)
    known = {k: v for k, v in os.environ.items() if k != "JAX_PLATFORMS"}
    known["PYTHONPATH"] = str(tmp_path)

    def printed(program, **variables):
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=known | variables, capture_output=True, text=True)
        return done.stdout.strip() or done.stderr

    assert "CUDA_ERROR_NO_DEVICE" in printed(PROGRAM, CUDA_VISIBLE_DEVICES="-1")
    assert printed(f"{PROGRAM}; {EXPORT}", **WITHOUT_CUDA).split() == ["cpu", "cpu", "cuda"]


def test_exports_and_workers_on_the_cpu_are_started_so(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    assert environment_of("cpu", 1, TUNED, None, tf32=False).items() >= WITHOUT_CUDA.items()
    assert environment_of("cuda", 1, TUNED, "GPU-1", tf32=False)["JAX_PLATFORMS"] == "cuda"

    def run(command, env, **_):
        (tmp_path / "result.json").write_text(json.dumps(env))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(build.subprocess, "run", run)
    source = SimpleNamespace(path=tmp_path, size=28)
    evaluation = SimpleNamespace(images=lambda count: [0.0])
    result = build._export(source, "jax-export", tmp_path, evaluation, sys.executable, "cpu")
    assert result.items() >= WITHOUT_CUDA.items()

    # A package for a card is compiled for the one that a run takes, not CUDA's fastest.
    cards = [SimpleNamespace(unusable="prohibited"), SimpleNamespace(unusable=None)]
    cards[1].visible_as = "GPU-1"
    monkeypatch.setattr(exporting, "visible", lambda *_: cards)
    result = build._export(source, "aotinductor", tmp_path, evaluation, sys.executable, "cuda")
    assert result["CUDA_VISIBLE_DEVICES"] == "GPU-1"
