"""The test metrics of records beside the paper's Table 3: `python -m train.paper_table`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

# Table 3 of the paper: test metrics at 28x28 pixels.
PAPER = {
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


def table(records: list[dict[str, Any]]) -> str:
    """A Markdown table: a row a metric, for each record ours, the paper's and the difference."""
    heads = [
        f"{r['framework']}, {r['recipe']['profile']}, seed {r['recipe']['seed']}" for r in records
    ]
    lines = [
        "| metric | " + " | ".join(f"{head} | paper | difference" for head in heads) + " |",
        "| --- |" + " ---: | ---: | ---: |" * len(records),
    ]
    for metric in PAPER["keras"]:
        cells = [metric.replace("_", " ")]
        for record in records:
            ours, paper = record["test_metrics"][metric], PAPER[record["framework"]][metric]
            cells += [f"{ours:.4f}", f"{paper:.4f}", f"{ours - paper:+.4f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table of the records named."""
    parser = argparse.ArgumentParser(
        prog="python -m train.paper_table",
        description="Show the test metrics of training records beside the paper's Table 3.",
        epilog="example: python -m train.paper_table docs/records/*.json",
    )
    parser.add_argument("records", nargs="+", type=Path, metavar="RECORD.json")
    print(table([json.loads(path.read_text()) for path in parser.parse_args().records]))


if __name__ == "__main__":
    main()
