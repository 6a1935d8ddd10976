"""Load a model in the worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..outcome import Failure, Outcome
from ..runtimes.base import Model, Options, RuntimeModule
from ..sandbox.isolation import HOME
from .error_outcome import failure_of
from .independent import IndependentModel
from .messages import Start
from .responses import LoadResponse


@dataclass(frozen=True)
class LoadedModel:
    """A model that its runtime has loaded.

    Attributes:
        model: the runtime's model.
        stated: the manifest's signature, if there is one.
        seconds: seconds that loading took.
        load_again: loads the artifact once more.
    """

    model: Model
    stated: dict[str, Any] | None = None
    seconds: float = 0.0
    load_again: Callable[[], Model] | None = None

    @cached_property
    def independent(self) -> IndependentModel:
        """The model with calls that do not depend on each other; made before the first call."""
        assert self.load_again
        return IndependentModel(self.model, self.load_again)

    def describe(self) -> LoadResponse:
        """The answer to `Load`."""
        signature: Any = asdict(self.model.signature)
        return {
            "seconds": self.seconds,
            "signature": signature,
            "notes": list(self.model.notes),
        }

    def gpu_peak_bytes(self) -> int | None:
        """The most bytes that the runtime has held on the card; None if it does not count them.

        CUDA's context and the memory that its libraries keep are not included.
        """
        try:
            return self.model.gpu_peak_bytes()
        except Exception:  # no measurement depends on it
            return None


def load_model(module: RuntimeModule, start: Start, *, profiled: bool = False) -> LoadedModel:
    """Load an artifact, for its runtime's profiler if `profiled`.

    Raises:
        Failure: the runtime refuses it.
        NotImplementedError: the runtime does not support it.
        MemoryError: there was too little memory.
    """
    options = Options(
        device=start.device,
        threads=start.threads,
        manifest=start.manifest,
        untuned=start.untuned,
        settings=start.settings,
        signature=start.signature,
        tf32=start.tf32,
        scratch=Path.cwd() / HOME,
        profiled=profiled,
    )
    begin = time.perf_counter_ns()
    try:
        model = module.load(Path(start.payload), options)
        seconds = (time.perf_counter_ns() - begin) / 1e9
        model.settle()
    except (MemoryError, NotImplementedError, Failure):
        raise
    except Exception as error:
        raise failure_of(error, Outcome.LOAD_ERROR) from error

    def load_again() -> Model:
        return load_model(module, start, profiled=profiled).model

    return LoadedModel(model, start.manifest.get("signature"), seconds, load_again)
