"""Every outcome through the real command line, beside artifacts that are well."""

import json
import shlex
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from onnx import TensorProto, helper

from infer.artifacts.manifest import MANIFEST, EvaluationInputs
from infer.cli import main
from infer.outcome import Outcome
from infer.tensors.output_files import read_saved

# Enough for a Python to start on a busy machine, and what each hanging artifact costs.
TIMEOUT_S = 6
# Of the quick protocol, with shorter bursts than it has.
GENERATIONS, TURNS = 3, 2
BURSTS = ("--turns", TURNS, "--burst", "0.02s")
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


def strict_json(text):
    """Parsed as other languages do: without NaN and Infinity."""

    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def finished(done, folder, json_file):
    """What a finished command left behind."""
    (run,) = (folder / "runs").iterdir()
    summary = strict_json(json_file.read_text())
    return SimpleNamespace(
        done=done,
        run=run,
        summary=summary,
        rows={row["artifact"]: row for row in summary["rows"]},
        records=[strict_json(line) for line in (run / "results.jsonl").read_text().splitlines()],
        report=(run / "report.md").read_text(),
        logs={file.name: file.read_text() for file in (run / "logs").iterdir()},
    )


@pytest.fixture(scope="module")
def measure(tmp_path_factory, run_cli, inputs_file):
    """Measures the artifacts below a folder with the quick protocol."""

    def run(artifacts, *options, **how):
        folder = tmp_path_factory.mktemp("measured")
        json_file = folder / "out.json"
        how.setdefault("inputs", inputs_file(folder / "inputs.npz"))
        inputs = how.pop("inputs")
        done = run_cli(
            *("run", artifacts, f"--inputs={inputs}", "--device", "cpu", "--threads", 1),
            *("--out", folder / "runs", "--json", json_file, *BURSTS, *options),
            cwd=folder,
            **how,
        )
        assert json_file.is_file(), done.stderr
        return SimpleNamespace(**vars(finished(done, folder, json_file)), inputs=inputs)

    return run


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
    assert f"**{name}: {outcome}**: {row['reason']}" in broken.report
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
    assert row["timings"]["batch 1"]["percentiles_s"].keys() == {"p90", "p95"}
    assert row["peak_rss_bytes"] > row["runtime_rss_bytes"] > 0
    assert row["reference"] == "healthy"
    assert row["largest_difference"] == 0
    assert row["equal_labels"] == 1
    assert len(row["metrics"]) == 7
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


@pytest.fixture(scope="module")
def differing(tmp_path_factory, fake_artifact, measure):
    """A run in which every artifact can be measured, and two give other numbers."""
    folder = tmp_path_factory.mktemp("my artifacts")
    fake_artifact(folder, "a model")
    fake_artifact(folder, "a_model", bias=0.01)
    fake_artifact(folder, "far", bias=0.5)
    return measure(folder, "--reference", "a model")


def test_status_says_that_outputs_differ(differing):
    assert differing.done.returncode == 1
    assert differing.rows["far"]["outcome"] == Outcome.PARITY_FAIL
    timings = differing.rows["far"]["timings"]
    assert {timing["ratio"]["generations"] for timing in timings.values()} == {GENERATIONS}
    assert "Traceback" not in differing.done.stderr


def test_similar_names_are_not_mixed_up(differing):
    outcomes = {name: differing.rows[name]["outcome"] for name in ("a model", "a_model")}

    assert outcomes == {"a model": Outcome.OK, "a_model": Outcome.PARITY_FAIL}


def test_command_that_measures_one_alone_can_be_pasted(differing):
    words = shlex.split(differing.rows["a model"]["command"])

    assert words[:4] == ["python", "-m", "infer", "run"]
    assert (Path(words[4]) / MANIFEST).is_file()


def test_command_that_measures_one_alone_has_the_inputs(differing):
    words = differing.rows["far"]["command"].split()

    assert "--inputs" in words
    assert words[words.index("--inputs") + 1] == str(differing.inputs)


SAMPLES = 300  # two batches of 128, and a smaller one


@pytest.fixture(scope="module")
def agreeing(tmp_path_factory, fake_artifact, inputs_file, measure):
    """A run that is well: one of the artifacts differs by less than is allowed."""
    folder = tmp_path_factory.mktemp("artifacts")
    fake_artifact(folder, "near", bias=0.01)
    fake_artifact(folder, "slow", call_s=0.004)
    images = np.random.default_rng(0).random((SAMPLES, 4, 4, 3), dtype=np.float32)
    inputs = inputs_file(folder / "inputs.npz", image=images, labels=np.arange(len(images)) % 3)
    return measure(folder, "--tolerance", "0.02", "--reference", "slow", inputs=inputs)


def test_status_says_that_all_is_well(agreeing):
    assert agreeing.done.returncode == 0
    assert {row["outcome"] for row in agreeing.rows.values()} == {"ok"}
    assert "Traceback" not in agreeing.done.stderr


def of_kind(done, kind):
    return [record for record in done.records if record["kind"] == kind]


def test_preflight_predicts_all_samples_and_bursts_are_of_full_batches(agreeing):
    assert [record["predict"]["samples"] for record in of_kind(agreeing, "preflight")] == [
        SAMPLES
    ] * 2
    for record in of_kind(agreeing, "burst"):
        assert record["samples"] == record["workload"]["batch"] * len(record["seconds"])
    assert len(of_kind(agreeing, "burst")) == 2 * 2 * GENERATIONS * TURNS
    assert agreeing.rows["near"]["samples"] == SAMPLES
    assert agreeing.rows["near"]["largest_difference"] == pytest.approx(0.01, abs=1e-5)
    (output,) = read_saved(agreeing.run / "outputs" / "near").values()
    assert output.array.shape == (SAMPLES, 3)


def test_outputs_of_the_last_turn_are_compared_with_those_of_preflight(agreeing):
    for record in of_kind(agreeing, "burst"):
        assert (record["difference"] is not None) == (record["turn"] == TURNS - 1)
        assert not record["difference"]


def test_run_ends_with_the_generations_of_its_protocol(agreeing):
    assert len(of_kind(agreeing, "generation")) == GENERATIONS
    assert agreeing.summary["ended"] == "all 3 generations were measured"


def test_paper_protocol_predicts_all_samples_ten_times(tmp_path, fake_artifact, measure):
    fake_artifact(tmp_path, "artifact")

    done = measure(tmp_path / "artifact", "--protocol", "paper", "--batch", 4)

    passes = [record for record in of_kind(done, "burst") if record["workload"]["batch"] == 4]
    # Batches of 4, 4 and 2 samples.
    assert [(record["samples"], len(record["seconds"])) for record in passes] == [(10, 3)] * 10
    assert {record["generation"] for record in passes} == set(range(5))
    assert done.done.returncode == 0


def test_reference_can_be_chosen(agreeing):
    assert agreeing.summary["speed_references"] == {"near": "slow", "slow": "slow"}
    assert {row["reference"] for row in agreeing.rows.values()} == {"slow"}


def test_ratio_shows_what_is_faster(agreeing):
    near, slow = (agreeing.rows[name]["timings"]["batch 1"] for name in ("near", "slow"))

    assert near["ratio"]["value"] < 1
    assert slow["call_s"] >= 0.004
    assert slow["ratio"] is None


def test_workers_import_no_framework_of_another_runtime(agreeing):
    preflights = of_kind(agreeing, "preflight")

    assert [record["predict"]["frameworks"] for record in preflights] == [[]] * 2


def test_labels_that_no_output_can_mean_are_bad_input(
    tmp_path, fake_artifact, inputs_file, measure
):
    images = np.zeros((4, 4, 4, 3), np.float32)
    inputs = inputs_file(tmp_path / "inputs.npz", image=images, labels=np.array([0, 1, 2, 3]))
    fake_artifact(tmp_path / "artifacts", "artifact")

    done = measure(tmp_path / "artifacts", inputs=inputs)

    row = done.rows["artifact"]
    assert row["outcome"] == Outcome.BAD_INPUT
    assert str(inputs) in row["reason"] and "labels up to 3" in row["reason"]
    assert done.done.returncode == 3


def test_inputs_that_a_manifest_names_must_be_there_and_unaltered(
    tmp_path, fake_artifact, inputs_file, run_cli
):
    inputs_file(tmp_path / "inputs.npz")
    for name, file in (("altered", "../../inputs.npz"), ("missing", "nothing.npz")):
        stated = {"evaluation": EvaluationInputs(file, "0" * 64)}
        fake_artifact(tmp_path / "artifacts", name, manifest=stated)
    fake_artifact(tmp_path / "artifacts", "unnamed")

    done = run_cli("run", "artifacts", tmp_path / "nowhere", "--json", "-", cwd=tmp_path)

    rows = {row["artifact"]: row for row in strict_json(done.stdout)["rows"]}
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "altered": Outcome.BAD_INPUT,
        "missing": Outcome.BAD_INPUT,
        "unnamed": Outcome.BAD_INPUT,
        "nowhere": Outcome.LOAD_ERROR,
    }
    assert str(tmp_path / "inputs.npz") in rows["altered"]["reason"]
    assert "export again" in rows["altered"]["reason"]
    assert "nothing.npz" in rows["missing"]["reason"]
    assert "--inputs" in rows["missing"]["reason"]
    assert "--inputs" in rows["unnamed"]["reason"]
    assert "no such file" in rows["nowhere"]["reason"]


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Runs a wrong command in this process; gives the one line that it gets."""

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        try:
            status = main.main([str(argument) for argument in arguments])
        except SystemExit as error:  # how argparse ends
            status = error.code
        lines = capsys.readouterr().err.strip().splitlines()
        assert status == 2
        assert "error: " in lines[-1]
        return lines[-1]

    return run


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


def test_json_file_that_cannot_be_written(agreeing, tmp_path, refused):
    file = tmp_path / "nothing" / "out.json"

    assert str(file) in refused("show", agreeing.run, "--json", file)


def test_nothing_to_run(root, tmp_path, run_cli):
    # A project in which only the runner is installed.
    shutil.copytree(root / "infer", tmp_path / "infer")

    done = run_cli("run", cwd=tmp_path, root=tmp_path)

    assert done.returncode == 2
    assert done.stderr.strip() == "error: no artifact named, and none below artifacts/"
