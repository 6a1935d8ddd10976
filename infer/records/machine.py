"""What is recorded of the machine: the environment of a run, its cards and their state."""

from __future__ import annotations

from ..codec import Record


class Gpu(Record, frozen=True):
    """A card, as `infer.system.nvml` describes it; None for what the driver does not tell.

    Attributes:
        index: its number, by the PCI bus.
        uuid: of the card, or of the MIG instance.
        name: the model.
        mig: whether it is an instance of a card in MIG mode.
        driver: its version.
        cuda: the version of CUDA that the driver has at most.
        memory_bytes: of the card or instance.
        compute_mode: who may use it, as "default".
        persistence: whether the driver stays loaded.
        power_limit_w: in force.
        max_sm_mhz, max_memory_mhz: the highest clocks.
        user_clocks: whether the user has set clocks.
        pcie_generation, pcie_width: as they are now; with `max_`, the highest.
        ecc: whether memory errors are corrected.
    """

    index: int
    uuid: str | None
    name: str
    mig: bool = False
    driver: str | None = None
    cuda: str | None = None
    memory_bytes: int | None = None
    compute_mode: str | None = None
    persistence: bool | None = None
    power_limit_w: float | None = None
    max_sm_mhz: float | None = None
    max_memory_mhz: float | None = None
    user_clocks: bool | None = None
    pcie_generation: int | None = None
    pcie_width: int | None = None
    max_pcie_generation: int | None = None
    max_pcie_width: int | None = None
    ecc: bool | None = None


class Environment(Record, frozen=True):
    """The machine at the start of a run.

    Attributes:
        processor: its name.
        cores: that this process may use.
        memory_bytes: of the host.
        load_average: over 1, 5 and 15 minutes.
        system: the operating system.
        python: the controller's version.
        gpus: all cards that the driver tells of.
    """

    processor: str
    cores: int
    memory_bytes: int
    load_average: tuple[float, float, float]
    system: str
    python: str
    gpus: tuple[Gpu, ...]


class GpuState(Record, frozen=True):
    """The card during a burst of calls; None for what is not told.

    Attributes:
        sm_mhz: clock of the multiprocessors before and after.
        memory_mhz, power_w, temperature_c: after.
        throttle: reasons that slowed the card down; empty for none.
        user_clocks: whether clocks kept to a setting of the user's.
        energy_j: of the whole card; None also for a burst that is too short to tell.
        read_s: seconds that both readings took.
    """

    sm_mhz: tuple[float | None, float | None] = (None, None)
    memory_mhz: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    throttle: tuple[str, ...] | None = None
    user_clocks: bool | None = None
    energy_j: float | None = None
    read_s: float = 0.0
