"""The command that measures one artifact of a run alone."""

from __future__ import annotations

import shlex
from dataclasses import replace

from ..inputs.options import InputOptions
from ..records.protocol import DEFAULT_SCENARIOS, DEFAULT_TIMEOUT_S
from ..records.store import Record
from ..tensors.rules import EVERY, Rule

# What one types here: the command that is installed, or the folder of a checkout.
_INSTALLED, _CHECKOUT = ["exportbench"], ["python", "-m", "infer"]
PROGRAM = _CHECKOUT if __name__.partition(".")[0] == "infer" else _INSTALLED


def _command(artifact: Record, run: Record) -> str:
    """The command that measures one artifact alone."""
    protocol = run["protocol"]
    setup = run["setups"].get(artifact["artifact"], {})
    command = [*PROGRAM, "run", artifact["path"]]
    command += ["--protocol", protocol["name"]] if protocol["budget_s"] is None else []
    command += ["--defaults"] if setup.get("bare") else []
    command += ["--tf32"] if run.get("tf32") else []
    if "python" in setup:
        name = f"{artifact['format']}:{setup['interpreter']}"
        command += ["--python", f"{name}={setup['python']}"]
    for option in ("runtime", "signature"):
        command += [f"--{option}", setup[option]] if option in setup else []
    for name, value in setup.get("settings", {}).items():
        command += ["--try", f"{artifact['format']}:{name}={value}"]
    for option, value in (
        ("inputs", run["inputs"]),
        ("tolerance", run["tolerance"]),
        ("budget", protocol["budget_s"]),
        ("resolve", protocol["resolve"]),
        ("batch", protocol["batch"]),
        ("device", _device_option(run)),
        ("threads", run["threads"]),
        ("timeout", None if run["timeout_s"] == DEFAULT_TIMEOUT_S else run["timeout_s"]),
    ):
        if value is not None:
            command += [f"--{option}", str(value)]
    command += _wishes(run, artifact["artifact"])
    if run.get("trusted") and artifact.get("sha256"):
        command += ["--trust", artifact["sha256"]]
    if tuple(protocol["scenarios"]) != DEFAULT_SCENARIOS:
        command += ["--scenario", *protocol["scenarios"]]
    return shlex.join(command)


def _device_option(run: Record) -> str:
    """The device, with the card where there are several."""
    several = len(run["environment"]["gpus"]) > 1
    return f"cuda:{run['card']}" if several and run.get("card") else str(run["device"])


def _wishes(run: Record, label: str) -> list[str]:
    """The options that say what inputs and outputs are."""
    options: list[str] = []
    random, wishes = run.get("random"), run.get("wishes") or {}
    if random:
        options += ["--random", str(random["seed"]), "--samples", str(random["samples"])]
    listed = {
        # Alone it may have another label: its rules are then those of every artifact.
        "map": [
            replace(rule, artifact=EVERY).text
            for rule in map(Rule.of, wishes.get("rules", ()))
            if rule.artifact in (EVERY, label)
        ],
        "dim": [f"{name}={size}" for name, size in wishes.get("dims", {}).items()],
        "range": [f"{n}={low:g}:{high:g}" for n, (low, high) in wishes.get("ranges", {}).items()],
        "loop": [
            replace(loop, artifact=EVERY).text
            for loop in InputOptions.of(wishes).loops
            if loop.artifact in (EVERY, label)
        ],
        "ignore": list(run.get("ignored", ())),
        "compare": [f"{name}=abs" for name in run.get("absolute", ())],
    }
    for option, values in listed.items():
        options += [f"--{option}", *values] if values else []
    return options
