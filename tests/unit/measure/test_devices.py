"""Which device a run is on: what is visible, what runtimes can use, and what reports say of it."""

import io
import json
import time
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pynvml
import pytest
from events import as_json
from nvml_double import Device, Nvml, divided_card
from rich.console import Console

import infer
from infer.cli import doctor, main
from infer.codec import from_json
from infer.errors import UsageError
from infer.gating.gate_input import gate_input
from infer.measure import devices
from infer.measure.devices import RuntimeEnvironment, choose
from infer.outcome import Failure, Outcome
from infer.records.events import AnyEvent
from infer.report import csv, html, latex, markdown, terminal
from infer.results import formatting
from infer.results.comparison import compare_runs
from infer.results.recorded_run import read_run
from infer.results.summarizing import summarize
from infer.system import card_sample, nvml, nvml_library
from infer.system.visible_cards import parse_device, visible

ONE = "GPU-11111111-1111-1111-1111-111111111111"
TWO = "GPU-22222222-2222-2222-2222-222222222222"
FAKE = {"a": RuntimeEnvironment("fake"), "b": RuntimeEnvironment("fake")}


@pytest.fixture
def driver(monkeypatch):
    """Puts a double in the place of the driver's library."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def put(*cards, **options):
        double = Nvml(*cards, **options)
        monkeypatch.setattr(nvml_library, "pynvml", double)
        return double

    return put


@pytest.fixture
def runtimes(monkeypatch):
    """Has runtimes answer whether they can use a card; gives who was asked."""

    def put(**problems):
        asked = []

        def ask(use, card):
            asked.append((use.runtime, card))
            return problems.get(use.runtime)

        monkeypatch.setattr(devices, "_cuda_problem", ask)
        return asked

    return put


class Watt(Device):
    """A card that draws 100 W."""

    @property
    def energy_mj(self):
        return int(time.perf_counter() * 100_000)

    @energy_mj.setter
    def energy_mj(self, value):
        pass


@pytest.fixture
def command(tmp_path, monkeypatch, capsys, fake_artifact, inputs_file):
    """Runs the command line in this process, in a folder with two artifacts and inputs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(card_sample, "LEAST_ENERGY_S", 0.0)
    for name in ("a", "b"):
        fake_artifact(tmp_path, name, call_s=0.002, gpu_bytes=3)
    inputs_file(tmp_path / "inputs.npz")

    def call(*arguments):
        try:
            status = main.main([str(argument) for argument in arguments])
        except SystemExit as error:
            status = error.code
        printed = capsys.readouterr()
        return SimpleNamespace(status=status, out=printed.out, err=printed.err)

    return call


SMALL = (
    *("--inputs", "inputs.npz", "--threads", 1, "--scenario", "batch"),
    *("--turns", 1, "--burst", "0.01s"),
)


def line_of(done):
    """The one line that a wrong usage ends in."""
    assert done.status == 2
    assert done.err.count("\n") == 1
    return done.err


# What CUDA_VISIBLE_DEVICES leaves


@pytest.mark.parametrize(
    ("variable", "seen"),
    [
        (None, ["one", "two", "a", "b"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("0", ["one"]),
        ("1,0", ["two", "one"]),
        (" 1 , 0 ", ["two", "one"]),
        ("0,7,1", ["one"]),
        ("0,-1,1", ["one"]),
        ("0,,1", ["one"]),
        ("1gpu", ["two"]),
        ("0,0", []),
        (TWO, ["two"]),
        (f"{TWO},{ONE}", ["two", "one"]),
        ("GPU-2", ["two"]),
        ("GPU-", []),
        ("GPU-9", []),
        (f"{ONE},GPU-9,{TWO}", ["one"]),
        ("2", ["a"]),  # a card in MIG mode stands for its first instance
        ("GPU-33333333-3333-3333-3333-333333333333", ["a"]),
        ("MIG-bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb", ["b"]),
        ("MIG-b", ["b"]),
        ("MIG-GPU-33333333-3333-3333-3333-333333333333/2/0", ["b"]),
    ],
)
def test_cuda_visible_devices_is_read_as_cuda_reads_it(driver, variable, seen):
    divided = divided_card()
    divided.uuid = "GPU-33333333-3333-3333-3333-333333333333"
    driver(Device(uuid=ONE), Device(uuid=TWO), divided)
    names = {"GPU-1": "one", "GPU-2": "two", "MIG-a": "a", "MIG-b": "b"}

    cards = visible(nvml.cards(), variable)

    assert [names[card.uuid[:5]] for card in cards] == seen


def test_numbers_count_the_cards_that_can_be_reached(driver):
    double = driver(Device(uuid=ONE), Device(uuid=TWO))
    reach = double._nvmlDeviceGetHandleByIndex

    def refused(self, index):
        if index == 0:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NO_PERMISSION)
        return reach(index)

    double.__class__ = type("Container", (Nvml,), {"_nvmlDeviceGetHandleByIndex": refused})

    assert [card.uuid for card in visible(nvml.cards(), "0")] == [TWO]


@pytest.mark.parametrize("text", ["auto", "cpu", "cuda", "cuda:0", "cuda:12", f"cuda:{ONE}"])
def test_devices_of_the_command_line(text):
    assert parse_device(text) == text


@pytest.mark.parametrize("text", ["gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:0", "auto:1", ""])
def test_what_is_no_device_is_said(command, text):
    assert "is not a device: say auto, cpu, cuda" in line_of(command("run", "a", "--device", text))


# The choice


def test_without_a_card_no_process_is_started(driver, monkeypatch):
    driver(starts=pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    monkeypatch.setattr(devices, "WorkerProcess", None)

    assert choose("auto", {"a": RuntimeEnvironment("onnx")}).device == "cpu"


def test_cpu_asks_nobody(driver, runtimes):
    double, asked = driver(Device()), runtimes()

    assert choose("cpu", FAKE).device == "cpu"
    assert (double.calls, asked) == ([], [])


def test_auto_takes_a_card_that_a_runtime_can_use(driver, runtimes):
    driver(Device(uuid=ONE))
    asked = runtimes(**{"jax-export": "no CUDA: install it"})
    uses = {
        "t": RuntimeEnvironment("torchscript"),
        "e": RuntimeEnvironment("torch-export"),
        "j": RuntimeEnvironment("jax-export"),
        "k": RuntimeEnvironment("jax-export", "/other/python"),
    }

    choice = choose("auto", uses)

    assert (choice.device, choice.card, choice.notices) == ("cuda", ONE, ())
    assert choice.unsupported == {"j": "no CUDA: install it", "k": "no CUDA: install it"}
    # Formats that share a package share the answer; each interpreter has its own.
    assert len(asked) == 3


def test_auto_takes_the_cpu_where_no_runtime_can_use_the_card(driver, runtimes):
    driver(Device())
    runtimes(onnx="ONNX Runtime is a build without CUDA", litert="LiteRT runs on the CPU")

    choice = choose("auto", {"o": RuntimeEnvironment("onnx"), "l": RuntimeEnvironment("litert")})

    assert (choice.device, choice.card, choice.unsupported) == ("cpu", None, {})
    (notice,) = choice.notices
    assert "NVIDIA H100 80GB HBM3" in notice
    assert "is a build without CUDA; LiteRT runs on the CPU" in notice


def test_a_driver_that_does_not_start_is_said(driver):
    driver(Device(), starts=pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)

    choice = choose("auto", FAKE)

    assert (choice.device, choice.card) == ("cpu", None)
    assert "NO CARD IS USED" in choice.notices[0]
    assert "version mismatch" in choice.notices[0]
    with pytest.raises(UsageError, match="version mismatch"):
        choose("cuda", {"a": RuntimeEnvironment("onnx")})


def test_a_runtime_that_does_not_answer_cannot_use_the_card(driver, monkeypatch):
    driver(Device())

    def crash(*arguments, **options):
        raise Failure(Outcome.CRASH, "the process killed by SIGSEGV, asked to 'start'")

    monkeypatch.setattr(devices, "WorkerProcess", crash)

    choice = choose("cuda", {"a": RuntimeEnvironment("torchscript", "/a/python/of/its/own")})
    assert choice.unsupported == {"a": "the process killed by SIGSEGV, asked to 'start'"}


def test_cuda_is_taken_where_no_runtime_can_use_it_and_each_says_so(driver, runtimes):
    driver(Device(uuid=ONE))
    runtimes(onnx="no CUDA here")

    choice = choose("cuda", {"o": RuntimeEnvironment("onnx")})

    assert (choice.device, choice.card) == ("cuda", ONE)
    assert choice.unsupported == {"o": "no CUDA here"}


@pytest.mark.parametrize(
    ("wanted", "variable", "card"),
    [
        ("cuda", None, ONE),
        ("cuda:1", None, TWO),
        ("cuda:0", "1,0", TWO),
        ("cuda", "GPU-2", TWO),
        ("auto", "1", TWO),
        (f"cuda:{TWO}", None, TWO),
        ("cuda:GPU-2", None, TWO),
    ],
)
def test_a_card_is_chosen_among_the_visible_ones(
    driver, runtimes, monkeypatch, wanted, variable, card
):
    driver(Device(uuid=ONE), Device(uuid=TWO))
    runtimes()
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)

    assert choose(wanted, FAKE).card == card


@pytest.mark.parametrize(
    ("wanted", "variable", "message"),
    [
        (
            "cuda:2",
            None,
            f"there is no such card: choose one of cuda:0 NVIDIA H100 80GB HBM3 ({ONE}",
        ),
        ("cuda:1", "0", "there is no such card"),
        (f"cuda:{TWO}", "0", "there is no such card"),
        ("cuda", "-1", "CUDA_VISIBLE_DEVICES='-1' hides it"),
        ("cuda:0", "", "CUDA_VISIBLE_DEVICES='' hides it"),
    ],
)
def test_a_card_that_is_not_there_is_said(driver, monkeypatch, wanted, variable, message):
    driver(Device(uuid=ONE), Device(uuid=TWO))
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)

    with pytest.raises(UsageError, match=r"--device cuda") as error:
        choose(wanted, {"a": RuntimeEnvironment("onnx")})

    assert message in str(error.value)


def test_auto_without_a_visible_card_takes_the_cpu(driver, monkeypatch):
    driver(Device())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")

    assert choose("auto", FAKE) == devices.DeviceChoice("cpu")


def test_an_instance_is_chosen(driver, runtimes):
    driver(divided_card())
    runtimes()

    assert choose("auto", FAKE).card == "MIG-aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
    assert choose("cuda:1", FAKE).card == "MIG-bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"


PROHIBITED = {"mode": pynvml.NVML_COMPUTEMODE_PROHIBITED}


@pytest.mark.parametrize(
    ("card", "message"),
    [(PROHIBITED, "-c DEFAULT, as root"), ({"mig": True}, "has no instance")],
)
def test_a_card_that_no_process_can_use_is_said(driver, runtimes, card, message):
    driver(Device(**card))
    runtimes()

    with pytest.raises(UsageError, match=r"--device cuda: NVIDIA") as error:
        choose("cuda", FAKE)
    choice = choose("auto", FAKE)

    assert message in str(error.value)
    assert choice.device == "cpu"
    assert message in choice.notices[0]


def test_auto_takes_another_card_than_one_that_cannot_be_used(driver, runtimes):
    driver(Device(uuid=ONE, **PROHIBITED), Device(uuid=TWO))
    runtimes()

    assert choose("auto", FAKE).card == TWO


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_an_exclusive_card_takes_one_artifact_at_a_time(driver, runtimes, wanted):
    driver(Device(mode=pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS))
    asked = runtimes()

    with pytest.raises(UsageError, match=r"exclusive process.* -i 0 -c DEFAULT.*one artifact"):
        choose(wanted, FAKE)
    assert asked == []
    assert choose(wanted, {"a": RuntimeEnvironment("fake")}).device == "cuda"


# Whole runs


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
