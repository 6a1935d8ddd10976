"""What the study consists of, and where things lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train.recipe import FRAMEWORKS

OUT = Path("artifacts/study")
WEIGHTS = Path("artifacts/weights")
# The same weights in every format; which ones they are has no bearing on the times.
SAME_WEIGHTS = Path("artifacts/pretrained/torch-paper-28-seed0.safetensors")
NATIVE = {"keras": "saved-model", "torch": "torchscript", "flax": "jax-export"}
NAMES = {"keras": "TensorFlow Keras", "torch": "PyTorch", "flax": "JAX"}
BATCH = 128


@dataclass(frozen=True)
class Training:
    """One training of the study."""

    framework: str
    profile: str
    seed: int

    @property
    def name(self) -> str:
        """How `python -m train` calls its files."""
        return f"{self.framework}-{self.profile}-28-seed{self.seed}"


TRAININGS = [
    *(Training(framework, "paper", seed) for seed in (0, 1) for framework in FRAMEWORKS),
    *(Training(framework, "best", 0) for framework in FRAMEWORKS),
]


@dataclass(frozen=True)
class Comparison:
    """One run of the runner.

    Attributes:
        title: in words.
        sizes: of the images, in pixels.
        formats: of the exporters; empty for all.
        options: of `exportbench run`.
    """

    title: str
    sizes: tuple[int, ...]
    formats: tuple[str, ...]
    options: tuple[str, ...]


_EVERY_CALL = ("--batch", "128", "--scenario", "batch", "single", "resident")
# Where a call takes long, fewer turns leave time for more generations, which intervals stand on.
# A batch of 8 is what 224 pixels leave room for, when 16 artifacts are alive together.
COMPARISONS = {
    "28": Comparison("28 pixels", (28,), (), _EVERY_CALL),
    "64": Comparison("64 pixels", (64,), (), (*_EVERY_CALL, "--turns", "3")),
    "sizes": Comparison(
        "28 to 224 pixels",
        (28, 64, 128, 224),
        ("onnx-torch", *NATIVE.values()),
        ("--batch", "8", "--turns", "4"),
    ),
}
