"""One process of the comparison of a framework's own predict with its artifact.

`python -m study.predict_once JOB.json` loads one of the two, predicts all images several times as
the paper does, and prints one line of JSON: the seconds of each pass, and those of each call in the
first pass and in the last.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from study.setup import BATCH
from train.card import use_card
from train.quiet import quiet_stderr

# Images, float32 N x H x W x 3 in 0..1, to what a call returns, finished.
Call = Callable[[np.ndarray], Any]


def main(job: dict[str, Any]) -> None:
    """Predict and print."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    use_card()
    images = _images(Path(job["images"]))
    with quiet_stderr():
        if job["artifact"]:
            call = _artifact(job["format"], Path(job["artifact"]), job["threads"])
        else:
            call = _OWN[job["framework"]](Path(job["weights"]), images.shape[1])
    # Keras's `predict` takes the images all at once and cuts them up itself.
    whole = job["framework"] == "keras" and not job["artifact"]
    size = len(images) if whole else BATCH
    passes = [_pass(call, images, size) for _ in range(job["passes"])]
    print(
        json.dumps(
            {
                "pass_s": [sum(calls) for calls in passes],
                "first_pass_calls_s": passes[0],
                "last_pass_calls_s": passes[-1],
            }
        )
    )


def _images(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as arrays:
        images: np.ndarray = arrays["image"]
    return images.astype(np.float32) / np.float32(255)


def _pass(call: Call, images: np.ndarray, size: int) -> list[float]:
    """Seconds of each call of one pass over the images; the last takes what is left of them."""
    seconds = []
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        begun = time.perf_counter()
        call(batch)
        seconds.append(time.perf_counter() - begun)
    return seconds


def _artifact(format_name: str, payload: Path, threads: int) -> Call:
    from infer.runtimes.base import Options
    from infer.runtimes.registry import RUNTIMES

    runtime = importlib.import_module(f"infer.runtimes.{RUNTIMES[format_name].module}")
    model = runtime.load(payload, Options(threads=threads))
    name = model.signature.inputs[0].name
    return lambda batch: model.run({name: batch})


def _keras(weights: Path, size: int) -> Call:
    from export.keras_serving import serving_model
    from train.weights import load_weights

    model = serving_model(load_weights(weights)[0], size)
    return lambda batch: model.predict(batch, batch_size=BATCH, verbose=0)


def _torch(weights: Path, size: int) -> Call:
    from export.torch_serving import Serving, predictor
    from train.weights import load_weights

    return predictor(Serving(load_weights(weights)[0]))


def _flax(weights: Path, size: int) -> Call:
    from export.jax_serving import predictor, serving_function
    from train.weights import load_weights

    return predictor(serving_function(load_weights(weights)[0]))


_OWN = {"keras": _keras, "torch": _torch, "flax": _flax}


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
