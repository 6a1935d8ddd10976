"""Every outcome through the real command line, beside artifacts that are well."""

import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest
from measured_runs import GENERATIONS, TURNS, strict_json
from onnx import TensorProto, helper

from infer.artifacts.manifest import MANIFEST
from infer.escaping import markdown
from infer.outcome import Outcome

pytest_plugins = ("measured_run_fixtures",)


# Enough for a Python to start on a busy machine, and what each hanging artifact costs.
TIMEOUT_S = 6
FRAMEWORKS = ("tensorflow", "torch", "jax", "jaxlib", "onnxruntime", "keras", "flax")


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    """An interpreter with the packages of this one, but without any framework."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True)
    (target,) = folder.glob("lib/python*/site-packages")
    for source in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(source).iterdir():
            if not entry.name.startswith(FRAMEWORKS) and not (target / entry.name).exists():
                (target / entry.name).symlink_to(entry)
    return str(folder / "bin" / "python")


def fault(at, kind, call=1):
    return {"fault": {"at": at, "kind": kind, "call": call if at == "run" else 0}}


# Outcome, what its reason says (INPUTS stands for the file), and the payload's settings.
BROKEN = {
    "altered": (Outcome.LOAD_ERROR, ["altered/model.json", "altered", "export it again"], {}),
    "truncated": (Outcome.LOAD_ERROR, ["truncated/model.json", "bytes", "export it again"], {}),
    "no-manifest": (Outcome.LOAD_ERROR, ["no-manifest/manifest.json", "export it again"], {}),
    "strange": (Outcome.LOAD_ERROR, ["strange", "no runtime for the format 'abacus'"], {}),
    "refused": (Outcome.LOAD_ERROR, ["told to fail"], fault("load", "error")),
    "uninstalled": (Outcome.UNSUPPORTED, ["onnxruntime is not installed", "pip install"], {}),
    "other-shape": (Outcome.BAD_INPUT, ["INPUTS", "'image'", "takes any x 5 x 5 x 3"], {}),
    "other-dtype": (Outcome.BAD_INPUT, ["INPUTS", "is float32", "takes int64"], {}),
    "memory-load": (Outcome.OUT_OF_MEMORY, ["no memory left"], fault("load", "memory")),
    "memory-run": (Outcome.OUT_OF_MEMORY, ["no memory left"], fault("run", "memory")),
    "signal-load": (Outcome.CRASH, ["SIGSEGV", "'load'", "(log: "], fault("load", "crash")),
    "signal-run": (Outcome.CRASH, ["SIGSEGV", "'first_call'"], fault("run", "crash")),
    # After the calls of preflight and warm-up, within those of the bursts.
    "signal-late": (
        Outcome.CRASH,
        ["SIGSEGV", "'burst'", "signal-late-0.log"],
        {"call_s": 0.0005} | fault("run", "crash", call=300),
    ),
    "exit": (Outcome.CRASH, ["status 7", "(log: "], fault("run", "exit")),
    "hang-load": (Outcome.HANG, ["'load'", f"{TIMEOUT_S} s", "--timeout"], fault("load", "hang")),
    "hang-run": (Outcome.HANG, ["'first_call'", "--timeout"], fault("run", "hang")),
    "elsewhere": (Outcome.WRONG_DEVICE, ["run on cpu", "ran on cuda"], {"device": "cuda"}),
    "nan": (Outcome.NON_FINITE, ["'probabilities'", "1 of 10 rows"], fault("run", "nan")),
    "cut": (Outcome.PARITY_FAIL, ["2 classes"], fault("run", "shape")),
    "biased": (Outcome.PARITY_FAIL, ["differs from healthy", "0.01"], {"bias": 0.01}),
    "random": (
        Outcome.NOT_JUDGED,
        ["draws random numbers", "'probabilities'"],
        {"noise": 0.1, "manifest": {"weights": {"name": "own", "sha256": "1" * 64}}},
    ),
    "early-run": (
        Outcome.PARITY_FAIL,
        ["returns before it is finished", "'probabilities' changed after the call had returned"],
        {"early": "run", "call_s": 0.1},
    ),
    "early-sync": (
        Outcome.PARITY_FAIL,
        ["returns before it is finished", "the device was busy for"],
        {"early": "sync", "call_s": 0.02},
    ),
}
WELL = {"healthy": {"call_s": 0.001}, "noisy": {"call_s": 0.001} | fault("run", "garbage")}


def onnx_file():
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 4, 4, 3])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 4, 4, 3])
    graph = helper.make_graph(
        [helper.make_node("Relu", ["image"], ["scores"])], "one", [image], [scores]
    )
    return helper.make_model(graph).SerializeToString()


@pytest.fixture(scope="module")
def broken(tmp_path_factory, fake_artifact, signature, measure, bare_python):
    """One run of everything that can be wrong, and two artifacts that are well."""
    folder = tmp_path_factory.mktemp("artifacts")
    special = {
        "healthy": {"manifest": {"native": True}},
        "strange": {"manifest": {"format": "abacus"}},
        "uninstalled": {"manifest": {"format": "onnx"}, "contents": onnx_file()},
        "other-shape": {"signature": signature(shape=(None, 5, 5, 3))},
        "other-dtype": {"signature": signature(dtype="int64")},
    }
    settings = WELL | {name: options for name, (_, _, options) in BROKEN.items()}
    for name, options in settings.items():
        fake_artifact(folder, name, **options, **special.get(name, {}))

    payload = folder / "altered" / "model.json"
    payload.write_text(payload.read_text().replace("image", "IMAGE"))
    payload = folder / "truncated" / "model.json"
    payload.write_text(payload.read_text()[:-10])
    (folder / "no-manifest" / MANIFEST).write_text("[]")
    # With bursts that are long enough for percentiles.
    return measure(folder, "--timeout", TIMEOUT_S, "--burst", "0.1s", python=bare_python)


def test_frameworks_are_not_at_hand_in_that_run(bare_python):
    names = [*FRAMEWORKS, "numpy"]
    code = "import importlib.util, sys; print(*map(importlib.util.find_spec, sys.argv[1:]))"
    done = subprocess.run([bare_python, "-I", "-c", code, *names], capture_output=True, text=True)

    *frameworks, numpy = done.stdout.split(" ", len(FRAMEWORKS))
    assert frameworks == ["None"] * len(FRAMEWORKS)
    assert numpy.startswith("ModuleSpec")


def test_all_outcomes_are_tried():
    assert {outcome for outcome, _, _ in BROKEN.values()} | {Outcome.OK} == set(Outcome)


@pytest.mark.parametrize("name", BROKEN)
def test_outcome_and_reason(broken, name):
    outcome, texts, _ = BROKEN[name]
    row = broken.rows[name]

    assert row["outcome"] == outcome, row["reason"]
    for text in texts:
        assert text.replace("INPUTS", str(broken.inputs)) in row["reason"]
    assert "\n" not in row["reason"]
    assert name in row["command"]
    assert f"**{name}: {outcome}**: {markdown(row['reason'])}" in broken.report
    assert f"{name}: {outcome}" in broken.report


@pytest.mark.parametrize("name", WELL)
def test_artifacts_that_are_well_are_measured_beside_them(broken, name):
    row = broken.rows[name]

    assert row["outcome"] == Outcome.OK
    assert row["samples"] == 10
    times = [row[key] for key in ("import_s", "load_s", "first_call_s", "until_steady_s")]
    assert all(time > 0 for time in times)
    assert row["timings"].keys() == {"batch 128", "batch 1"}
    for timing in row["timings"].values():
        assert timing["call_s"] >= 0.001
        assert timing["generations"] == GENERATIONS
    assert row["timings"]["batch 1"]["percentiles_s"].keys() >= {"p90", "p95"}
    assert row["peak_rss_bytes"] > row["memory_bytes"] > 0
    assert row["reference"] == "healthy"
    assert row["largest_difference"] == 0
    assert row["equal_labels"] == 1
    assert {"accuracy", "weighted_f1", "log_loss"} <= row["metrics"].keys()
    mine = [record for record in broken.records if record.get("artifact") == name]
    (preflight,) = (record for record in mine if record["kind"] == "preflight")
    starts = [record for record in mine if record["kind"] == "start"]
    assert [record["generation"] for record in starts] == list(range(GENERATIONS))
    assert len({record["pid"] for record in (preflight, *starts)}) == 1 + GENERATIONS
    bursts = [record for record in mine if record["kind"] == "burst"]
    assert sorted((r["generation"], r["turn"], r["workload"]["batch"]) for r in bursts) == [
        (generation, turn, batch)
        for generation in range(GENERATIONS)
        for turn in range(TURNS)
        for batch in (1, 128)
    ]
    assert f"| {name} |" in broken.report


def test_biased_artifact_is_measured_too(broken):
    row = broken.rows["biased"]

    assert {timing["generations"] for timing in row["timings"].values()} == {GENERATIONS}
    assert row["largest_difference"] == pytest.approx(0.01, abs=1e-5)


def test_artifact_that_fails_in_a_generation_passed_preflight(broken):
    row = broken.rows["signal-late"]

    assert row["samples"] == 10
    assert row["equal_labels"] == 1
    mine = [record for record in broken.records if record.get("artifact") == "signal-late"]
    assert {record["generation"] for record in mine if record["kind"] == "start"} == {0}


def test_every_artifact_has_one_outcome(broken):
    ended = [record["artifact"] for record in broken.records if record["kind"] == "outcome"]

    assert sorted(ended) == sorted([*BROKEN, *WELL])
    assert broken.records[0]["kind"] == "run"
    assert broken.records[-1]["kind"] == "end"
    assert not broken.summary["interrupted"]


def test_status_says_that_something_was_not_measured(broken):
    assert broken.done.returncode == 3
    assert "Traceback" not in broken.done.stderr
    assert str(broken.run) in broken.done.stderr


def test_tables_are_on_standard_output(broken):
    assert "healthy" in broken.done.stdout
    assert "elsewhere: wrong_device" in broken.done.stdout
    assert "Traceback" not in broken.done.stdout


def test_what_the_runtime_prints_is_in_the_log(broken):
    stages = ("preflight", *range(GENERATIONS))
    logs = [broken.logs[f"noisy-{stage}.log"] for stage in stages]

    for log in logs:
        assert "this is not JSON" in log and "nor is this" in log and "and this is a warning" in log
    assert "told to fail" in broken.logs["refused-preflight.log"]
    assert sum(name.startswith("noisy") for name in broken.logs) == len(stages)


def test_log_that_a_crash_names_is_there(broken):
    reason = broken.rows["exit"]["reason"]

    assert Path(reason.partition("(log: ")[2].rstrip(")")).is_file()


def test_show_gives_the_same_rows_again(broken, run_cli, tmp_path):
    shown = run_cli("show", broken.run, "--json", "-", cwd=tmp_path)

    assert strict_json(shown.stdout) == broken.summary
    assert shown.returncode == 3
