"""The device of a run: which cards there are, and which is chosen."""

import pynvml
import pytest
from made_up_cards import FAKE, ONE, TWO, line_of
from nvml_double import Device, Nvml, divided_card

from infer.errors import UsageError
from infer.measure import devices
from infer.measure.devices import RuntimeEnvironment, choose
from infer.outcome import Failure, Outcome
from infer.system import nvml
from infer.system.visible_cards import parse_device, visible

pytest_plugins = ("card_fixtures",)


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
