"""One network in three frameworks: the same weights give the same logits, training the same."""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from commands import FRAMEWORKS, Trained, one_framework
from one_framework import BATCHES, PIXELS

from train.weights import Weights, load_weights, shapes

pytest_plugins = ("frameworks",)

PAIRS = list(itertools.combinations(FRAMEWORKS, 2))
TOLERANCES = {"float32": 1e-4, "float64": 1e-9}
# Standard deviation of a normal distribution of deviation 1 that is cut at -2 and 2.
CUT_DEVIATION = 0.87962566


@pytest.fixture(scope="module")
def answers(
    trained: Trained, settled: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """What each framework wrote about the same weights, in a process of its own."""
    root = tmp_path_factory.mktemp("networks")
    job = {"start": settled, "weights": trained.weights | {"settled": settled}}
    job["weights"] = {name: str(path) for name, path in job["weights"].items()}
    with ThreadPoolExecutor(len(FRAMEWORKS)) as pool:
        ends = [pool.submit(one_framework, name, root / name, **job) for name in FRAMEWORKS]
    for end in ends:
        end.result()
    return {name: root / name for name in FRAMEWORKS}


def test_the_weights_that_are_compared_have_moved_averages(settled: Path) -> None:
    weights, _ = load_weights(settled)
    for name, array in weights.items():
        if name.endswith(".mean"):
            assert np.abs(array).max() > 1e-3, name
            assert np.ptp(array) > 1e-3, name
        if name.endswith(".var"):
            assert np.abs(array - 1).max() > 1e-2, name
        if name.endswith((".scale", ".bias")):
            assert np.ptp(array) > 0, f"{name} has not been trained"


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("pixels", PIXELS)
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_same_weights_same_logits(
    answers: dict[str, Path], dtype: str, pixels: int, batch: int
) -> None:
    logits = {
        name: np.load(folder / f"{dtype}-{pixels}-{batch}.npy") for name, folder in answers.items()
    }
    for name, array in logits.items():
        assert array.dtype == dtype, name
        assert array.shape == (batch, 8), name
        assert np.isfinite(array).all(), name
        assert array.std() > 0.1, f"{name}: logits that hardly differ prove nothing"
    differences = {pair: np.abs(logits[pair[0]] - logits[pair[1]]).max() for pair in PAIRS}
    assert max(differences.values()) < TOLERANCES[dtype], differences


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_image_has_the_same_logits_alone_and_among_others(
    answers: dict[str, Path], framework: str
) -> None:
    for pixels in PIXELS:
        alone, among = (np.load(answers[framework] / f"float64-{pixels}-{n}.npy") for n in BATCHES)
        np.testing.assert_allclose(alone[0], among[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("origin", [*FRAMEWORKS, "settled"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_weights_come_back_as_they_went_in(
    answers: dict[str, Path], trained: Trained, settled: Path, framework: str, origin: str
) -> None:
    path = settled if origin == "settled" else trained.weights[origin]
    given, _ = load_weights(path)
    back = _read(answers[framework] / f"back-{origin}.npz")
    assert back.keys() == given.keys() == shapes().keys()
    for name, array in given.items():
        assert back[name].dtype == np.float32, name
        np.testing.assert_array_equal(back[name], array, name)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_initial_weights_have_the_deviation_of_variance_scaling(
    answers: dict[str, Path], framework: str
) -> None:
    weights = _read(answers[framework] / "initial-0.npz")
    assert {name: array.shape for name, array in weights.items()} == shapes()
    for name, array in weights.items():
        if not name.endswith("kernel"):
            start = 1 if name.endswith(("scale", "var")) else 0
            np.testing.assert_array_equal(array, start, name)
            continue
        deviation = math.sqrt(1 / np.prod(array.shape[:-1]))  # scale 1, fan-in
        # Five deviations of the estimate: one false alarm in a million kernels.
        assert array.std() == pytest.approx(deviation, rel=5 / math.sqrt(2 * array.size)), name
        assert abs(array.mean()) < 5 * deviation / math.sqrt(array.size), name
        # Cut at two deviations, with some values close to the cut.
        cut = 2 * deviation / CUT_DEVIATION
        assert 0.85 * cut < np.abs(array).max() <= cut * 1.0001, name


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_seed_fixes_the_initial_weights(answers: dict[str, Path], framework: str) -> None:
    first, other, again = (
        _read(answers[framework] / f"initial-{name}.npz") for name in ("0", "1", "0-again")
    )
    kernels = [name for name in first if name.endswith("kernel")]
    for name in kernels:
        np.testing.assert_array_equal(first[name], again[name], name)
        assert not np.array_equal(first[name], other[name]), name
    # No two layers share what they were given.
    for kernel, another in itertools.combinations(kernels, 2):
        if first[kernel].shape == first[another].shape:
            correlation = np.corrcoef(first[kernel].ravel(), first[another].ravel())[0, 1]
            assert abs(correlation) < 0.1, (kernel, another)


@pytest.mark.parametrize(("name", "parts"), [("1", 1), ("2", 2), ("best", 1)])
def test_training_from_the_same_weights_is_the_same(
    answers: dict[str, Path], settled: Path, name: str, parts: int
) -> None:
    """Batches, loss, optimizer and its schedule, as far as rounding lets them be compared."""
    start, _ = load_weights(settled)
    trained = {
        framework: _read(folder / f"trained-{name}.npz") for framework, folder in answers.items()
    }
    losses = {framework: arrays.pop("losses") for framework, arrays in trained.items()}
    moved = {framework: _moved(trained[framework], start) for framework in FRAMEWORKS}
    for first, second in PAIRS:
        # The first losses come before the first update, the others as rounding grows.
        assert losses[first][:parts] == pytest.approx(losses[second][:parts], rel=1e-4), (
            first,
            second,
        )
        assert losses[first] == pytest.approx(losses[second], rel=0.02), (first, second)
        # Adam moves each weight by about the learning rate, so this is the sum of the schedule.
        assert moved[first]["kernel"] == pytest.approx(moved[second]["kernel"], rel=0.01), (
            first,
            second,
        )
        for kind in ("scale", "bias", "mean", "var"):
            assert moved[first][kind] == pytest.approx(moved[second][kind], rel=0.03), (
                first,
                second,
                kind,
            )


def _moved(weights: Weights, start: Weights) -> dict[str, float]:
    """How far training has moved the tensors of each kind, in the mean."""
    kinds: dict[str, list[np.ndarray]] = {}
    for name, array in start.items():
        difference = np.abs(weights[name] - array)
        kinds.setdefault(name.rpartition(".")[2], []).append(difference.ravel())
    return {kind: float(np.concatenate(arrays).mean()) for kind, arrays in kinds.items()}


def _read(path: Path) -> Weights:
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}
