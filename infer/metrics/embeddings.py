"""The task of embeddings: of one kind, or of two that belong together, as texts and images."""

from __future__ import annotations

import numpy as np

from ..errors import MetricError
from ..tensors.dtypes import kind_of
from .metric import Metric, Parts, mean, share
from .task import LABELS, Arrays, Evaluator, Task, TaskRequest, is_float, output_for

_TRUTH = (
    f"'{LABELS}' of one whole number for each sample, equal for samples that belong together; or "
    "nothing for two outputs whose samples belong together"
)
_KS = (1, 5, 10)


def _embeddings(request: TaskRequest, expected: Arrays, truth: Arrays) -> Evaluator:
    names = _names(request, expected)
    labels = truth.get(LABELS)
    if labels is not None and labels.size == len(labels):
        labels = labels.reshape(-1)
    if labels is not None and (kind_of(labels.dtype) not in ("int", "text") or labels.ndim != 1):
        raise MetricError(
            f"'{LABELS}' is {labels.dtype} {labels.shape}: --task {request.name} takes {_TRUTH}"
        )
    if labels is None and len(names) == 1:
        groups = None
    else:
        groups = np.arange(len(expected[names[0]])) if labels is None else labels
    others = len(expected[names[0]]) - (len(names) == 1)
    ks = [k for k in dict.fromkeys((*_KS, *([request.k] if request.k else []))) if k <= others]

    def parts_of(outputs: Arrays, expected: Arrays, _: Arrays) -> dict[str, np.ndarray]:
        parts = {f"embedding {place}": outputs[name] for place, name in enumerate(names)}
        similar = [cosines(outputs[name], expected[name]) for name in names]
        return parts | {"cosine": np.mean(similar, axis=0)}

    def finish(parts: dict[str, np.ndarray]) -> Parts:
        embeddings = [parts.pop(f"embedding {place}") for place in range(len(names))]
        if groups is not None and ks:
            nearest = _nearest(embeddings[0], embeddings[-1], max(ks), alone=len(names) == 1)
            hits = groups[nearest] == groups[:, None]
            parts |= {f"found {k}": hits[:, :k].any(axis=1) for k in ks}
        return parts

    roles = dict(zip(("embedding", "other"), names, strict=False))
    return Evaluator((COSINE, *map(_recall, ks)), roles, parts_of, finish)


def _names(request: TaskRequest, expected: Arrays) -> list[str]:
    """The outputs: one, or two that belong together."""

    def fits(array: np.ndarray) -> bool:
        return is_float(array) and array.ndim == 2 and array.shape[1] > 1

    fitting = [name for name, array in expected.items() if fits(array)]
    if not request.outputs and len(fitting) == 2:
        first, second = fitting
        if expected[first].shape == expected[second].shape:
            return fitting
    what = "numbers of samples x dimensions"
    names = [output_for("embedding", request, expected, fits, what)]
    if "other" in request.outputs:
        names.append(output_for("other", request, expected, fits, what))
        if expected[names[0]].shape != expected[names[1]].shape:
            raise MetricError(f"'{names[0]}' and '{names[1]}' have different shapes")
    return names


def cosines(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """The cosine of each pair of rows; 0 for a row of zeros."""
    mine, theirs = mine.astype(np.float64), theirs.astype(np.float64)
    norms = np.linalg.norm(mine, axis=1) * np.linalg.norm(theirs, axis=1)
    products = (mine * theirs).sum(axis=1)
    result: np.ndarray = np.divide(products, norms, out=np.zeros(len(mine)), where=norms > 0)
    return result


def _nearest(queries: np.ndarray, gallery: np.ndarray, k: int, *, alone: bool) -> np.ndarray:
    """The places of the k nearest for each query, by cosine; not itself if there is one kind."""
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute")
    model.fit(np.nan_to_num(gallery.astype(np.float32)))
    places: np.ndarray = model.kneighbors(
        None if alone else np.nan_to_num(queries.astype(np.float32)), return_distance=False
    )
    return places


def _recall(k: int) -> Metric:
    return share(f"recall_{k}", f"found {k}", f"sklearn.neighbors.NearestNeighbors, {k} nearest")


COSINE = mean("cosine", "cosine", "sklearn.metrics.pairwise.cosine_similarity with the reference")
EMBEDDINGS = Task(
    *("embeddings", _TRUTH, ("embedding", "other"), ("cosine", "recall_1"), _embeddings),
    needs="",
)
