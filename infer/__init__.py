"""Compare exported models: speed, agreement and accuracy, each in a process of its own.

    import infer

    with infer.load("model.onnx") as model:
        outputs = model.run({"image": images})

`load`, `run`, `compare` and `gate` are what the command line is made of; docs/api.md has more.
"""

from __future__ import annotations

TYPE_CHECKING = False  # without the import of typing: every worker imports this
if TYPE_CHECKING:
    from .api import LoadedModel, compare, gate, load, run

__version__ = "0.1.0"
__all__ = ["LoadedModel", "compare", "gate", "load", "run"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'infer' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(".api", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
