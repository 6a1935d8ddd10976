"""What a driver tells of its cards, and what it does not, with a double of its library."""

import json

import pynvml
import pytest
from nvml_double import GIB, Device, Nvml, divided_card

from infer.measure.gpu_memory import GpuMemory
from infer.system import machine, nvml, nvml_library
from infer.system.card_sample import Sample, burst_summary
from infer.worker import messages

REASONS = {
    "sw_power_cap": 0x4,
    "hw_slowdown": 0x8,
    "sync_boost": 0x10,
    "sw_thermal": 0x20,
    "hw_thermal": 0x40,
    "hw_power_brake": 0x80,
}
NOT_THROTTLING = 0x1 | 0x100  # idle, the clock of a display


@pytest.fixture
def driver(monkeypatch):
    """Puts a double in the place of the driver's library."""

    def put(*devices, **options):
        double = Nvml(*devices, **options)
        monkeypatch.setattr(nvml_library, "pynvml", double)
        return double

    return put


def test_a_card_is_described(driver):
    driver(Device())

    (card,) = machine.describe()["gpus"]

    assert json.loads(json.dumps(card)) == {
        "index": 0,
        "uuid": "GPU-11111111-1111-1111-1111-111111111111",
        "name": "NVIDIA H100 80GB HBM3",
        "mig": False,
        "driver": "580.65.06",
        "cuda": "13.0",
        "memory_bytes": 80 * GIB,
        "compute_mode": "default",
        "persistence": True,
        "power_limit_w": 700.0,
        "max_sm_mhz": 1980,
        "max_memory_mhz": 2619,
        "user_clocks": False,
        "pcie_generation": 5,
        "pcie_width": 16,
        "max_pcie_generation": 5,
        "max_pcie_width": 16,
        "ecc": True,
    }


def test_strings_of_an_old_pynvml_are_bytes(driver):
    driver(Device(), as_bytes=True)

    (card,) = nvml.cards()

    assert (card.name, card.uuid[:8]) == ("NVIDIA H100 80GB HBM3", "GPU-1111")
    assert card.describe()["driver"] == "580.65.06"


ASKED = [name for name in vars(Nvml) if name.startswith("_nvml") and name != "_nvmlInit"]
ERRORS = [
    pynvml.NVML_ERROR_NOT_SUPPORTED,
    pynvml.NVML_ERROR_NO_PERMISSION,
    pynvml.NVML_ERROR_UNKNOWN,
    pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
    pynvml.NVML_ERROR_GPU_IS_LOST,
]


@pytest.mark.parametrize("function", [name.removeprefix("_") for name in ASKED])
def test_each_function_may_fail_alone(driver, function):
    driver(Device(held={7: GIB}), divided_card())
    whole, *_ = map(_told, nvml.cards())
    for error in ERRORS:
        driver(Device(held={7: GIB}), divided_card(), errors={function: error})
        described = list(map(_told, nvml.cards()))  # and of the instances

        if function in ("nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"):
            assert described == []
            continue
        lost = {name for name in whole if whole[name] is not None and described[0][name] is None}
        assert len(lost) <= 2


def _told(card):
    """Every field of a card, by name."""
    fields = card.describe() | vars(card.sample())
    return fields | {"held": card.held_by(7), "memory": card.memory()}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, None),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, None),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "RM has detected an NVML/RM version mismatch"),
        (pynvml.NVML_ERROR_NO_PERMISSION, "Insufficient Permissions"),
    ],
)
def test_without_a_driver_there_are_no_cards(driver, error, message):
    driver(Device(), starts=error)

    assert nvml.cards() == []
    assert machine.describe()["gpus"] == []
    # Where there is one that does not start, that is said.
    assert nvml_library.problem() == (message and f"NVIDIA's driver says: {message}")


def test_the_library_is_begun_once(driver):
    double = driver(Device())
    for _ in range(3):
        nvml.cards()[0].sample()

    assert double.calls.count("nvmlInit") == 1
    assert "nvmlShutdown" not in double.calls


def test_nothing_is_ever_set(driver):
    double = driver(Device(), divided_card())
    for card in nvml.cards():
        card.sample(), card.describe(), card.memory(), card.held_by(1)

    assert not [name for name in double.calls if "Set" in name or "Reset" in name]


def test_a_card_in_mig_mode_is_seen_as_its_instances(driver):
    driver(Device(), divided_card())

    whole, first, second = nvml.cards()

    assert (whole.mig, first.mig, second.mig) == (False, True, True)
    assert first.uuid.startswith("MIG-aaaaaaaa")
    assert first.name == "NVIDIA H100 80GB HBM3 MIG 1g.10gb"
    assert (first.index, second.index) == (1, 1)
    assert first.describe()["memory_bytes"] == 10 * GIB
    # What only the card as a whole has.
    assert first.sample().sm_mhz == 1980
    assert first.describe()["power_limit_w"] == 700
    # The counter is that of all instances.
    assert first.sample().energy_j is None


def test_a_card_in_mig_mode_without_an_instance_cannot_be_used(driver):
    driver(Device(mig=True))

    (card,) = nvml.cards()

    assert card.mig is None
    assert "has no instance" in card.unusable


@pytest.mark.parametrize(
    ("mode", "called", "unusable"),
    [
        (pynvml.NVML_COMPUTEMODE_DEFAULT, "default", False),
        (pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS, "exclusive process", False),
        (pynvml.NVML_COMPUTEMODE_PROHIBITED, "prohibited", True),
    ],
)
def test_the_compute_mode_is_seen(driver, mode, called, unusable):
    driver(Device(mode=mode))

    (card,) = nvml.cards()

    assert card.compute_mode == called
    assert bool(card.unusable) is unusable


@pytest.mark.parametrize(
    ("card", "user_clocks"),
    [
        ({}, False),
        ({"clocks": (1980, 1200)}, True),
        ({"reasons": 0x2}, True),
        # As some cards come, their application clocks are below their highest.
        ({"clocks": (1380, 1380), "reasons": 0x2}, False),
        ({"clocks": (1380, 1530), "reasons": 0x2}, True),
    ],
)
def test_clocks_of_the_user_are_seen(driver, card, user_clocks):
    driver(Device(**card))

    assert nvml.cards()[0].describe()["user_clocks"] is user_clocks


def test_clocks_of_the_user_may_not_be_told(driver):
    functions = ("ApplicationsClock", "CurrentClocksEventReasons", "CurrentClocksThrottleReasons")
    driver(
        Device(),
        errors={f"nvmlDeviceGet{name}": pynvml.NVML_ERROR_NOT_SUPPORTED for name in functions},
    )

    assert nvml.cards()[0].describe()["user_clocks"] is None


@pytest.mark.parametrize(
    ("gone", "field", "value"),
    [
        ("CurrentClocksEventReasons", "reasons", 0x40),  # before driver 535
        ("Temperature", "temperature_c", 41),
    ],
)
def test_functions_have_other_names_in_other_drivers(driver, gone, field, value):
    missing = pynvml.NVML_ERROR_FUNCTION_NOT_FOUND
    driver(Device(reasons=0x40), errors={f"nvmlDeviceGet{gone}": missing})

    assert vars(nvml.cards()[0].sample())[field] == value


def _burst(device, seconds, **changes):
    """What is recorded of a burst of so many seconds, in which the card changes so."""
    (card,) = nvml.cards()
    before = card.sample()
    for name, value in changes.items():
        setattr(device, name, value)
    after = card.sample()
    return burst_summary(before, Sample(**vars(after) | {"at_s": before.at_s + seconds}))


def test_a_burst_is_recorded(driver):
    device = Device(sm_mhz=345)
    driver(device)

    burst = _burst(device, 2.0, sm_mhz=1755, energy_mj=1_500_500)

    assert 0 < burst.pop("read_s") < 1
    assert burst == {
        "sm_mhz": [345, 1755],
        "memory_mhz": 2619,
        "power_w": 123.4,
        "temperature_c": 41,
        "throttle": [],
        "user_clocks": False,
        "energy_j": 500.5,
    }


def test_energy_of_a_short_burst_is_not_told(driver):
    device = Device()
    driver(device)

    assert _burst(device, 0.9, energy_mj=1_500_500)["energy_j"] is None


@pytest.mark.parametrize(("name", "bit"), REASONS.items())
def test_a_burst_names_the_reasons_of_throttling(driver, name, bit):
    device = Device()
    driver(device)

    assert _burst(device, 1.0, reasons=bit | NOT_THROTTLING)["throttle"] == [name]
    assert _burst(device, 1.0, reasons=NOT_THROTTLING)["throttle"] == [name]  # it was so before


@pytest.mark.parametrize(
    ("name", "number"),
    [("sw_power_cap", 74), ("sw_thermal", 269), ("hw_thermal", 270), ("hw_power_brake", 271)],
)
def test_counters_tell_of_throttling_that_no_reading_sees(driver, name, number):
    device = Device(throttled_ns={number: 10**12})
    driver(device)

    assert _burst(device, 1.0, throttled_ns={number: 10**12 + 10**8})["throttle"] == [name]
    # What was throttled before has no part in it, nor less than a hundredth.
    assert _burst(device, 1.0)["throttle"] == []
    assert _burst(device, 1.0, throttled_ns={number: 10**12 + 10**8 + 10**6})["throttle"] == []


def test_throttling_may_not_be_told(driver):
    functions = ("CurrentClocksEventReasons", "CurrentClocksThrottleReasons", "FieldValues")
    device = Device()
    driver(
        device,
        errors={f"nvmlDeviceGet{name}": pynvml.NVML_ERROR_NO_PERMISSION for name in functions},
    )

    burst = _burst(device, 1.0)
    assert (burst["throttle"], burst["user_clocks"]) == (None, None)
    assert burst["sm_mhz"] == [1980, 1980]


class Worker:
    """One that waits, as far as its memory on the card is of interest."""

    pid = 7

    def ask(self, request):
        assert isinstance(request, messages.GpuPeak)
        return {"bytes": 3}


def test_memory_is_the_most_that_was_seen(driver):
    device = Device(used=4 * GIB, held={8: 2 * GIB})
    driver(device)

    memory = GpuMemory(nvml.cards()[0])
    for used, held in ((5, 1), (8, 3), (6, 2)):
        device.used, device.held = used * GIB, {7: held * GIB, 8: 2 * GIB}
        memory.look(Worker())

    assert memory.record(Worker()) == {
        "gpu_bytes": 3 * GIB,
        "gpu_device_bytes": 4 * GIB,
        "gpu_runtime_peak_bytes": 3,
    }


def test_memory_by_process_is_not_told_in_containers(driver):
    device = Device(held={31415: 5 * GIB, 8: None})
    driver(device)

    memory = GpuMemory(nvml.cards()[0])
    device.used += 5 * GIB
    memory.look(Worker())

    assert memory.record(Worker()) == {
        "gpu_bytes": None,
        "gpu_device_bytes": 5 * GIB,
        "gpu_runtime_peak_bytes": 3,
    }


def test_memory_without_a_card():
    memory = GpuMemory(None)
    memory.look(Worker())

    assert set(memory.record(Worker()).values()) == {None}
