"""Figures of the paper (Bećirović et al.) that ours are put beside."""

from __future__ import annotations

# Training images of each class, in the order of the labels.
TABLE_1 = (852, 2181, 1085, 2026, 849, 993, 2330, 1643)

# Seconds to predict the 3,421 test images on a Tesla T4, by image side in pixels.
TABLE_2 = {
    28: {"keras": 0.8985, "torch": 0.3032, "flax": 0.3620},
    64: {"keras": 2.0182, "torch": 1.5961, "flax": 1.2692},
}

# Metrics on the test images of 28 pixels.
TABLE_3 = {
    "keras": {
        "accuracy": 0.9442,
        "macro_precision": 0.9383,
        "macro_recall": 0.9368,
        "macro_f1": 0.9375,
        "weighted_precision": 0.9444,
        "weighted_recall": 0.9442,
        "weighted_f1": 0.9442,
    },
    "torch": {
        "accuracy": 0.9486,
        "macro_precision": 0.9463,
        "macro_recall": 0.9417,
        "macro_f1": 0.9438,
        "weighted_precision": 0.9492,
        "weighted_recall": 0.9486,
        "weighted_f1": 0.9487,
    },
    "flax": {
        "accuracy": 0.9570,
        "macro_precision": 0.9545,
        "macro_recall": 0.9489,
        "macro_f1": 0.9514,
        "weighted_precision": 0.9576,
        "weighted_recall": 0.9570,
        "weighted_f1": 0.9571,
    },
}

# Accuracy and macro F1 on the test images of 64 pixels.
TABLE_4 = {
    "keras": {"accuracy": 0.9763, "macro_f1": 0.9755},
    "torch": {"accuracy": 0.9822, "macro_f1": 0.9824},
    "flax": {"accuracy": 0.9790, "macro_f1": 0.9785},
}
