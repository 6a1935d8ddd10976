"""Whole runs on a card that a double of the driver's library tells of."""

import io
import json
import time
from dataclasses import replace

import psutil
import pynvml
import pytest
from events import as_json
from made_up_cards import FAKE, ONE, TWO, line_of
from nvml_double import Device, divided_card
from rich.console import Console

import infer
from infer.cli import doctor
from infer.codec import from_json
from infer.errors import UsageError
from infer.gating.gate_input import gate_input
from infer.measure import devices
from infer.measure.devices import choose
from infer.records.events import AnyEvent
from infer.report import csv, html, latex, markdown, terminal
from infer.results import formatting
from infer.results.comparison import compare_runs
from infer.results.recorded_run import read_run
from infer.results.summarizing import summarize

pytest_plugins = ("card_fixtures",)


class Watt(Device):
    """A card that draws 100 W."""

    @property
    def energy_mj(self):
        return int(time.perf_counter() * 100_000)

    @energy_mj.setter
    def energy_mj(self, value):
        pass


SMALL = (
    *("--inputs", "inputs.npz", "--threads", 1, "--scenario", "batch"),
    *("--turns", 1, "--burst", "0.01s"),
)


def test_a_run_on_a_card(driver, command, tmp_path):
    card = Watt(uuid=TWO, name="NVIDIA Made Up 9000", reasons=0x4 | 0x2)
    driver(Device(uuid=ONE, name="Another"), card)

    command("run", "a", "b", "--device", "cuda:1", *SMALL, "--out", "runs")

    run = read_run(next((tmp_path / "runs").iterdir()))
    summary, (first, *records) = run.summary, as_json(run.events)
    assert (first["device"], first["card"]) == ("cuda", TWO)
    bursts = [record for record in records if record["kind"] == "burst"]
    assert {tuple(record["gpu"]["throttle"]) for record in bursts} == {("sw_power_cap",)}
    assert {tuple(record["gpu"]["sm_mhz"]) for record in bursts} == {(1980, 1980)}
    # Between the bursts of two processes the card is brought to its clock again.
    assert {tuple(record["spin_up"]["clock_mhz"]) for record in bursts} == {(1980, 1980)}
    starts = [record for record in records if record["kind"] == "start"]
    warm_ups = [warm_up for record in starts for warm_up in record["warm_up"]]
    assert all(warm_up["clock_steady"] for warm_up in warm_ups)
    assert all(warm_up["calls"] * warm_up["call_s"] > 0.2 for warm_up in warm_ups)
    preflights = [record for record in records if record["kind"] == "preflight"]
    assert {record["gpu_device_bytes"] for record in preflights} == {0}
    assert {record["gpu_runtime_peak_bytes"] for record in preflights} == {3}
    assert any("CLOCKS OF THE USER" in notice for notice in summary.notices)
    for row in summary.rows:
        timing = row.timings["batch 128"]
        # 100 W, for at least as long as the calls took.
        assert timing.joules_per_sample > 0.9 * 100 / timing.samples_per_s
        # Another card would be another measurement.
        assert f"--device cuda:{TWO}" in row.command
    assert gate_input(run.events).setup.card == "NVIDIA Made Up 9000"
    _check_every_table(run, "on cuda, NVIDIA Made Up 9000")
    _check_it_is_one_machine_in_another_mood(run)


def _check_every_table(run, where):
    """That all reports say so of all tables."""
    summary = run.summary
    console = Console(width=200, record=True, file=io.StringIO())

    terminal.show(summary, console)

    assert f"; {where} ({TWO}, one of 2 GPUs) with 1 threads" in formatting.conditions(summary)
    title = f"Same weights: made up, trained in none, {where}"
    assert title in console.export_text()
    report = markdown.render(summary)
    assert f"## {title}" in report
    assert "energy a sample" in report
    assert "| artifact | queued, batch 128 | queued samples/s | one call | to enqueue |" in report
    assert "GPU memory: (card): by how much" in report
    assert f"<h2>{title}</h2>" in html.render([run])
    tabulars = latex.render(summary)
    assert tabulars.count(f"% {title}\n") == tabulars.count("\\begin{tabular}") > 0
    titles, *lines = csv.render({"run": summary}).splitlines()
    assert titles.startswith("run,artifact,device,card,card_uuid,")
    assert all(f",cuda,NVIDIA Made Up 9000,{TWO}," in line for line in lines)


def _check_it_is_one_machine_in_another_mood(run):
    """That what changes of a card from moment to moment is no difference of two runs."""
    first = as_json(run.events[:1])[0]
    for gpu in first["environment"]["gpus"]:
        gpu |= {"pcie_generation": 1, "user_clocks": None}

    def again():
        events = [from_json(AnyEvent, first), *run.events[1:]]
        return replace(run, events=events, summary=summarize(events))

    assert compare_runs(run, again()).environment == ()
    first["card"] = ONE
    (card,) = compare_runs(run, again()).environment
    assert (card.what, card.a, card.b) == ("card", TWO, ONE)


def test_a_run_goes_on_with_its_card_and_no_other(driver, command, tmp_path):
    driver(Device(uuid=ONE), Device(uuid=TWO))
    command("run", "a", "--device", "cuda:1", *SMALL, "--out", "runs")
    folder = next((tmp_path / "runs").iterdir())

    driver(Device(uuid=TWO))
    devices.check_card(TWO)
    driver(Device(uuid=ONE))

    assert f"the card {TWO}, which is not here; start a new run" in line_of(
        command("run", "--resume", folder)
    )


def test_a_card_that_no_runtime_can_use_is_said_at_once_and_in_the_report(
    driver, runtimes, command
):
    driver(Device())
    runtimes(fake="the fake runtime is built for the CPU: install another")

    done = command("run", "a", *SMALL, "--out", "runs", "--json", "-")

    result = json.loads(done.out)
    notice = result["notices"][0]
    assert result["run"]["device"] == "cpu"
    assert notice.startswith("THE CARD IS NOT USED: NVIDIA H100")
    assert "is built for the CPU: install another" in notice
    assert done.err.startswith(notice)


def test_a_model_is_loaded_on_a_card(driver, command, tmp_path):
    driver(Device(uuid=ONE), Device(uuid=TWO))

    with infer.load("a", device="cuda:1") as model:
        assert psutil.Process(model._worker.pid).environ()["CUDA_VISIBLE_DEVICES"] == TWO
    for device in ("cuda:2", "auto", "gpu"):
        with pytest.raises(UsageError, match=device):
            infer.load("a", device=device)


def test_doctor_says_which_runtimes_can_use_the_card(driver, command, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(doctor, "runtime_names", lambda: ["onnx"])
    exclusive = pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS
    driver(Device(mode=exclusive, clocks=(1980, 1200)), divided_card(), Device(mig=True))

    done = command("doctor", ".")

    assert (
        f"GPU 0: NVIDIA H100 80GB HBM3, {ONE}, 80 GiB, driver 580.65.06, CUDA 13.0, compute mode "
        "exclusive process, clocks set by the user\n"
    ) in done.out
    assert "GPU 1: NVIDIA H100 80GB HBM3 MIG 1g.10gb, MIG-aaaaaaaa" in done.out
    assert "MIG mode without an instance" in done.out
    (row,) = [line for line in done.out.splitlines() if line.startswith("onnx ")]
    assert " no " in row
    assert "is a build without CUDA: pip" in done.out
    # What loads on the CPU is not blamed for the card.
    assert done.status == 0


def test_cuda_without_a_driver(driver, command, tmp_path):
    driver(starts=pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    (tmp_path / "model.onnx").write_bytes(b"")

    done = command("run", "model.onnx", "--device", "cuda", *SMALL, "--out", "runs")
    assert "the driver knows of no NVIDIA card here" in line_of(done)
    # The fake runtime stands for one that has a card.
    assert choose("cuda", FAKE) == devices.DeviceChoice("cuda")


def test_a_runtime_that_is_built_for_the_cpu(driver, command, tmp_path):
    pytest.importorskip("onnxruntime")
    driver(Device())
    (tmp_path / "model.onnx").write_bytes(_identity())

    done = command(
        *("run", "model.onnx", "a", "--try", "onnx:runtime=openvino", "--device", "auto"),
        *(*SMALL, "--out", "runs", "--json", "-"),
    )

    here, there, fake = json.loads(done.out)["rows"]
    assert done.status == 3
    assert here["outcome"] == there["outcome"] == "unsupported" != fake["outcome"]
    assert "is a build without CUDA: pip" in here["reason"]
    assert "use --device cpu" in there["reason"]


def _identity() -> bytes:
    """An ONNX file of one operator (onnx.proto, its fields by their numbers)."""

    def field(number: int, value: bytes | int) -> bytes:
        if isinstance(value, int):
            return bytes([number << 3, value])
        return bytes([number << 3 | 2, len(value)]) + value

    def tensor(name: bytes) -> bytes:
        shape = field(2, field(1, field(1, 1)))
        return field(1, name) + field(2, field(1, field(1, 1) + shape))

    node = field(1, b"x") + field(2, b"y") + field(4, b"Relu")
    graph = field(1, node) + field(2, b"g") + field(11, tensor(b"x")) + field(12, tensor(b"y"))
    return field(1, 8) + field(8, field(2, 13)) + field(7, graph)
