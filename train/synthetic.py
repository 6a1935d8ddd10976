"""A small synthetic data set of the shape and classes of BloodMNIST, drawn by formula.

It lets every command run where the real data cannot be had. A cell is a disc with a
nucleus of one to four lobes and, in some classes, granules; the classes differ in those and
in colour, and overlap enough that a network has something to learn.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class _Look(NamedTuple):
    radius: float
    lobes: int
    nucleus: float  # radius of the nucleus as a share of the cell's
    granules: int
    plasma: tuple[int, int, int]
    stain: tuple[int, int, int]


_LOOKS = {
    "basophil": _Look(0.58, 2, 0.45, 40, (190, 160, 200), (90, 50, 130)),
    "eosinophil": _Look(0.62, 2, 0.38, 30, (230, 170, 160), (120, 70, 150)),
    "erythroblast": _Look(0.45, 1, 0.60, 0, (200, 180, 200), (80, 40, 100)),
    "immature granulocytes": _Look(0.66, 1, 0.62, 15, (205, 185, 215), (140, 80, 160)),
    "lymphocyte": _Look(0.48, 1, 0.82, 0, (185, 195, 225), (100, 60, 150)),
    "monocyte": _Look(0.70, 1, 0.55, 0, (190, 190, 205), (130, 90, 160)),
    "neutrophil": _Look(0.62, 4, 0.32, 10, (225, 195, 205), (125, 75, 155)),
    "platelet": _Look(0.22, 0, 0.0, 6, (190, 150, 190), (140, 90, 150)),
}
CLASS_NAMES = tuple(_LOOKS)


def draw(count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw images, uint8 count x size x size x 3, and their labels, int64 count.

    The same seed gives the same images on every machine; all classes come equally often.
    """
    rng = np.random.default_rng([20230601, seed])
    labels = rng.permutation(np.arange(count) % len(_LOOKS))
    looks = list(_LOOKS.values())
    images = np.stack([_cell(looks[label], size, rng) for label in labels])
    return images, labels.astype(np.int64)


def _cell(look: _Look, size: int, rng: np.random.Generator) -> np.ndarray:
    axis = np.linspace(-1, 1, size, dtype=np.float32)

    def blend(center: tuple[float, float], radius: float, colour: np.ndarray) -> None:
        # Only the square around the disc and its soft edge: a granule covers a few pixels.
        first = np.searchsorted(axis, np.subtract(center, radius + 0.05))
        last = np.searchsorted(axis, np.add(center, radius + 0.05))
        columns, rows = slice(first[0], last[0]), slice(first[1], last[1])
        distance = np.hypot(axis[columns] - center[0], axis[rows, None] - center[1])
        share = np.clip((radius - distance) / 0.08 + 0.5, 0, 1)[..., None]
        image[rows, columns] = image[rows, columns] * (1 - share) + colour * share

    def shade(colour: tuple[int, int, int]) -> np.ndarray:
        return np.asarray(colour + rng.normal(0, 12, 3), np.float32)

    image = np.empty((size, size, 3), np.float32)
    image[...] = shade((235, 220, 225))
    for _ in range(rng.integers(0, 3)):  # neighbours, mostly outside of the picture
        angle = rng.uniform(0, 2 * np.pi)
        blend((1.1 * np.cos(angle), 1.1 * np.sin(angle)), 0.4, shade((225, 170, 175)))

    cx, cy = rng.normal(0, 0.08, 2)
    radius = look.radius * rng.normal(1, 0.12)
    blend((cx, cy), radius, shade(look.plasma))
    stain = shade(look.stain)
    start = rng.uniform(0, 2 * np.pi)
    spread = 0.0 if look.lobes == 1 else 0.42 * radius
    for lobe in range(look.lobes):
        angle = start + lobe * 1.5 + rng.normal(0, 0.2)
        blend(
            (cx + spread * np.cos(angle), cy + spread * np.sin(angle)),
            look.nucleus * radius * rng.normal(1, 0.08),
            stain,
        )
    for _ in range(rng.poisson(look.granules)):
        angle, reach = rng.uniform(0, 2 * np.pi), radius * np.sqrt(rng.uniform(0, 0.9))
        blend((cx + reach * np.cos(angle), cy + reach * np.sin(angle)), 0.05, stain)
    noise = rng.normal(0, 9, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)
