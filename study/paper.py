"""Figures of the paper (Bećirović et al.) that ours are put beside."""

from __future__ import annotations

from train.paper_table import PAPER as TABLE_3

__all__ = ["TABLE_2", "TABLE_3", "TABLE_4"]

# Seconds to predict the 3,421 test images on a Tesla T4, by image side in pixels.
TABLE_2 = {
    28: {"keras": 0.8985, "torch": 0.3032, "flax": 0.3620},
    64: {"keras": 2.0182, "torch": 1.5961, "flax": 1.2692},
}

# Accuracy and macro F1 on the test images of 64 pixels.
TABLE_4 = {
    "keras": {"accuracy": 0.9763, "macro_f1": 0.9755},
    "torch": {"accuracy": 0.9822, "macro_f1": 0.9824},
    "flax": {"accuracy": 0.9790, "macro_f1": 0.9785},
}
