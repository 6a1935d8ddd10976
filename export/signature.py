"""The exported network's input and output by name, and the type of its prediction.

An exporter needs no more of what is around it; that of a plug-in may be in a process in which the
runner has the name that people install.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

INPUT = "image"
OUTPUT = "probabilities"

# From images, float32 N x size x size x 3 in 0..1, to probabilities, float32 N x 8.
Predict = Callable[[np.ndarray], np.ndarray]
