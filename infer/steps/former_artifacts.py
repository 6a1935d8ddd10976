"""Pair artifacts with their former versions, which are measured beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from ..errors import ArtifactError, OptionError
from ..measure.plan import Plan
from ..sandbox.artifact_reader import find, open_artifact
from .planning import require_distinct


def pair_with_former(plan: Plan, against: Sequence[Path]) -> Plan:
    """Add the former artifacts to a plan, each beside its successor.

    Raises:
        OptionError: none of these artifacts has a former version there.
    """
    if not against:
        return plan
    former = match_former(list(dict.fromkeys(path for _, path in plan.artifacts)), against)
    if not former:
        names = ", ".join(dict.fromkeys(path.name for _, path in plan.artifacts))
        raise OptionError("against", " ".join(map(str, against)), f"holds none of {names}")
    artifacts, pairs, variants = list(plan.artifacts), {}, dict(plan.variants)
    unsupported = dict(plan.unsupported)
    for label, path in plan.artifacts:
        if path in former:
            pairs[label] = f"{label} (former)"
            artifacts.append((pairs[label], former[path]))
            if label in variants:
                variants[pairs[label]] = variants[label]
            if label in unsupported:
                unsupported[pairs[label]] = unsupported[label]
    require_distinct(artifacts)
    return replace(
        plan, artifacts=tuple(artifacts), pairs=pairs, variants=variants, unsupported=unsupported
    )


def match_former(paths: Sequence[Path], against: Sequence[Path]) -> dict[Path, Path]:
    """Find the former artifact of each artifact, by path, for those that have one.

    It has the same name and shares the most last parts of the path. A single artifact and a single
    former one belong together whatever their names.

    Raises:
        UsageError: a path of former artifacts does not exist or holds none.
    """
    candidates: list[Path] = []
    for root in against:
        if not root.exists():
            raise OptionError("against", root, "there is no such file or folder")
        if root.is_dir() and not _is_artifact(root):
            named = dict.fromkeys(root / path.name for path in paths)
            candidates += find(root) or [path for path in named if path.exists()]
        else:
            candidates.append(root)
    if len(paths) == len(candidates) == 1:
        return {paths[0]: candidates[0]}
    best = {}
    for path in paths:
        shared = {other: _shared(path, other) for other in candidates}
        most = max(shared.values(), default=0)
        alike = [other for other, count in shared.items() if count == most]
        if most and len(alike) == 1:
            best[path] = alike[0], most
    # If two would have the same former artifact, it goes to the one whose path is nearer.
    return {
        path: other
        for path, (other, most) in best.items()
        if not any(o == other and n >= most for p, (o, n) in best.items() if p != path)
    }


def _shared(path: Path, other: Path) -> int:
    """Number of last parts that two paths share."""
    pairs = zip(reversed(path.absolute().parts), reversed(other.absolute().parts), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _is_artifact(path: Path) -> bool:
    try:
        open_artifact(path)
    except ArtifactError:
        return False
    return True
