"""Tables of the time for predictions."""

from __future__ import annotations

import statistics
from typing import Any

from study.paper import TABLE_2
from study.prediction import compile_share
from study.setup import NAMES, NATIVE
from study.tables import interval_text, table


def table_2(predictions: dict[int, dict[str, Any]], runs: dict[str, dict[str, Any]]) -> str:
    """The paper's Table 2 as ratios to PyTorch, beside ours."""
    lines = []
    for size, theirs in TABLE_2.items():
        for framework in ("keras", "flax"):
            ratios = predictions.get(size, {}).get("ratios", {})
            lines.append(
                [
                    f"{NAMES[framework]} over PyTorch, {size} pixels",
                    f"{theirs[framework] / theirs['torch']:.2f}",
                    interval_text(ratios.get(f"{framework} over torch: predict")),
                    interval_text(_ratio(runs.get(str(size)), NATIVE[framework], "batch 128")),
                ]
            )
    titles = ["", "paper, Tesla T4", "own predict, this CPU", "native artifact, this CPU"]
    return table(titles, lines)


def own_predict(predictions: dict[int, dict[str, Any]]) -> str:
    """Each framework's own predict beside its artifact, and what the first pass costs."""
    lines = []
    for size, prediction in predictions.items():
        for framework, sides in prediction["frameworks"].items():
            ratio = prediction["ratios"][f"{framework}: predict over artifact"]
            lines.append(
                [
                    f"{NAMES[framework]}, {size} pixels",
                    interval_text(ratio),
                    _first_pass(sides["predict"]),
                    _first_pass(sides["artifact"]),
                    f"{compile_share(sides['predict']):+.1%}",
                ]
            )
    titles = ["framework", "own predict over artifact", "first pass, own predict"]
    titles += ["first pass, artifact", "mean of ten passes, own predict"]
    return table(titles, lines)


def _first_pass(rounds: list[dict[str, Any]]) -> str:
    """How often as long as a later pass the first one took."""
    return f"{statistics.median(r['pass_s'][0] / min(r['pass_s'][1:]) for r in rounds):.2f}"


def calls_of_first_pass(predictions: dict[int, dict[str, Any]]) -> str:
    """What a call of the first pass takes beside the same call of the last one."""
    lines = []
    for size, prediction in predictions.items():
        for framework, sides in prediction["frameworks"].items():
            for what, name in (("predict", "own predict"), ("artifact", NATIVE[framework])):
                rounds = sides[what]
                if len(rounds[0]["first_pass_calls_s"]) < 2:
                    continue  # one call predicts all
                lines.append(
                    [
                        f"{NAMES[framework]}, {name}, {size} pixels",
                        _extra(rounds, 0),
                        _extra(rounds, 1),
                        _extra(rounds, -1),
                    ]
                )
    titles = ["", "first call", "second call", "last call (the images left over)"]
    return table(titles, lines)


def _extra(rounds: list[dict[str, Any]], index: int) -> str:
    extra = [r["first_pass_calls_s"][index] - r["last_pass_calls_s"][index] for r in rounds]
    return f"{1e3 * statistics.median(extra):+,.0f} ms"


def _ratio(run: dict[str, Any] | None, artifact: str, point: str) -> dict[str, Any] | None:
    for row in run["rows"] if run else []:
        if row["artifact"].rpartition("/")[2] == artifact and point in row["timings"]:
            ratio: dict[str, Any] | None = row["timings"][point]["ratio"]
            return ratio
    return None
