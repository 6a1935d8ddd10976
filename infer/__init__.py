"""Compare exported models: speed, agreement and accuracy, each model in a separate process.

    import exportbench

    with exportbench.load("model.onnx") as model:
        outputs = model.run({"image": images})

The command line is built on `load`, `run`, `compare` and `gate`; docs/api.md has more.

In a checkout the same files are the package `infer`, named after their folder. A process uses one
of the two names.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # without the import of typing: every worker imports this
if TYPE_CHECKING:
    from .api import LoadedModel, compare, gate, load, run

__version__ = "0.1.0"
__all__ = ["LoadedModel", "compare", "gate", "load", "run"]


def _refuse_second_name() -> None:
    """Refuse to load the same files under both names: each class would exist twice.

    Raises:
        ImportError: they are loaded under the other name.
    """
    import os

    here = os.path.realpath(__file__)
    for other in {"exportbench", "infer"} - {__name__}:
        file = getattr(sys.modules.get(other), "__file__", None)
        if file and os.path.realpath(file) == here:
            raise ImportError(
                f"{os.path.dirname(here)} is already imported as '{other}' in this process: use "
                f"that name instead of '{__name__}'"
            )


_refuse_second_name()


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    import importlib

    from .supported_systems import obstacle

    if reason := obstacle():
        raise ImportError(reason)
    return getattr(importlib.import_module(".api", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
