"""Does what the tests need of one framework, in a process of its own.

    python tests/support/one_framework.py FRAMEWORK JOB.json

A job names what to do and the folder for what comes of it; a framework is imported once for all
of it, since that takes most of the time.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from train import recipe as recipe_module
from train import synthetic
from train.data import Dataset, Split
from train.metrics import seven_metrics
from train.monitor import Monitor
from train.recipe import Recipe
from train.record import read_record, write_record
from train.weights import Weights, load_weights, save_weights

PIXELS = (28, 64)
BATCHES = (1, 32)
DTYPES = ("float32", "float64")
# Of the short trainings that are compared. A step of the recipe's size would let rounding grow
# so fast that nothing could be compared after a few of them.
BATCH = 16
EPOCHS = 2
LEARNING_RATE = 1e-4


@dataclass(frozen=True)
class Network:
    """A framework's network: how to make it (pixels, dtype, seed) and to call it."""

    make: Callable[[int, str, int], Any]
    logits: Callable[[Any, np.ndarray], np.ndarray]
    set_weights: Callable[[Any, Weights], None]
    get_weights: Callable[[Any], Weights]


def torch_network() -> Network:
    import torch

    from train import torch_resnet

    def make(pixels: int, dtype: str, seed: int) -> Any:
        torch.manual_seed(seed)
        return torch_resnet.ResNet().to(getattr(torch, dtype)).eval()

    @torch.inference_mode()
    def logits(model: Any, images: np.ndarray) -> np.ndarray:
        return model(torch.from_numpy(images)).numpy()

    return Network(make, logits, torch_resnet.set_weights, torch_resnet.get_weights)


def keras_network() -> Network:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    from train import keras_resnet

    def make(pixels: int, dtype: str, seed: int) -> Any:
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        return keras_resnet.resnet(pixels, seed)

    def logits(model: Any, images: np.ndarray) -> np.ndarray:
        return np.asarray(model(images, training=False))

    return Network(make, logits, keras_resnet.set_weights, keras_resnet.get_weights)


def flax_network() -> Network:
    import jax
    from flax import nnx

    from train import flax_resnet

    last: list[Any] = []

    def make(pixels: int, dtype: str, seed: int) -> Any:
        if dtype == "float64":
            # Of the last one made: new ones would have their random numbers compiled again.
            model = nnx.clone(last.pop())
            jax.config.update("jax_enable_x64", True)
        else:
            model = flax_resnet.ResNet(nnx.Rngs(seed))
        last[:] = [model]
        # The layers compute in the precision of their variables and inputs.
        variables = nnx.state(model, (nnx.Param, nnx.BatchStat))
        nnx.update(model, jax.tree.map(lambda array: array.astype(dtype), variables))
        model.eval()
        return model

    apply = nnx.jit(lambda model, images: model(images))

    def logits(model: Any, images: np.ndarray) -> np.ndarray:
        return np.asarray(apply(model, images))

    return Network(make, logits, flax_resnet.set_weights, flax_resnet.get_weights)


NETWORKS = {"torch": torch_network, "keras": keras_network, "flax": flax_network}


def write_logits(network: Network, weights: Path, out: Path) -> None:
    """Logits of the same weights and images, by dtype, pixels and batch."""
    arrays, _ = load_weights(weights)
    for dtype in DTYPES:
        for pixels in PIXELS:
            model = network.make(pixels, dtype, 0)
            network.set_weights(model, arrays)
            images = synthetic.draw(max(BATCHES), pixels, 7)[0].astype(dtype) / 255
            for batch in BATCHES:
                logits = network.logits(model, images[:batch])
                np.save(out / f"{dtype}-{pixels}-{batch}.npy", logits)


def write_back(network: Network, weights: dict[str, str], out: Path) -> None:
    """What weights are once they have been in the network."""
    model = network.make(28, "float32", 1)
    for name, path in weights.items():
        network.set_weights(model, load_weights(Path(path))[0])
        np.savez(out / f"back-{name}.npz", **network.get_weights(model))


def write_initial(network: Network, out: Path) -> None:
    """New weights of two seeds, and of the first one once more."""
    for name, seed in (("0", 0), ("1", 1), ("0-again", 0)):
        model = network.make(28, "float32", seed)
        np.savez(out / f"initial-{name}.npz", **network.get_weights(model))


class _Losses(Monitor):
    """Remembers the loss of every step."""

    def __init__(self, epochs: int, steps: int, path: Path) -> None:
        super().__init__("", epochs, steps, path)
        self.losses: list[float] = []

    def step(self, loss: Any) -> None:
        self.losses.append(float(loss))
        super().step(loss)


def write_training(framework: str, weights: Path, out: Path) -> None:
    """Short trainings from the same weights: plain, with two accumulation steps, and as `best`."""
    script = importlib.import_module(f"train.train_{framework}")
    start, _ = load_weights(weights)
    images, labels = synthetic.draw(6 * BATCH, 28, 11)
    val = Split(*synthetic.draw(BATCH, 28, 12))
    data = Dataset("synthetic", 28, synthetic.CLASS_NAMES, Split(images, labels), val, val)
    plain = Recipe(epochs=EPOCHS, batch_size=BATCH, learning_rate=LEARNING_RATE)
    # A decay that shows beside so few steps.
    best = replace(plain, symmetries=True, weight_decay=20.0, ema_decay=0.8)
    for name, recipe, accumulation_steps in (("1", plain, 1), ("2", plain, 2), ("best", best, 1)):
        recipe_module.PIXELS_PER_STEP = BATCH // accumulation_steps * 28**2
        assert recipe.micro_batch == BATCH // accumulation_steps
        last: list[Weights] = []
        with _Losses(EPOCHS, 6 * accumulation_steps, out / f"kept-{name}.safetensors") as monitor:
            end_epoch = monitor.end_epoch
            monitor.end_epoch = lambda logits, labels, weights, end_epoch=end_epoch, last=last: (
                last.append(weights),
                end_epoch(logits, labels, weights),
            )[1]
            script.train(recipe, data, monitor, start)
        np.savez(out / f"trained-{name}.npz", losses=monitor.losses, **last[-1])


def settle(weights: Path, out: Path) -> None:
    """Make the moving averages those of synthetic images, which two steps are too few for.

    Without it the network of a tiny training gives one class to every image, and artifacts
    would agree on labels whatever they hold. Its record goes along, with the new metrics.
    """
    import torch

    from train import torch_resnet, train_torch

    model = torch_resnet.ResNet()
    torch_resnet.set_weights(model, load_weights(weights)[0])
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean of all batches
            module.reset_running_stats()
    model.train()
    with torch.no_grad():
        for images, _ in (synthetic.draw(128, 28, seed) for seed in (21, 22)):
            model(torch.from_numpy(images.astype(np.float32) / 255))
    settled = torch_resnet.get_weights(model)
    sha256 = save_weights(out, settled)
    test = Split(*synthetic.draw(1024, 28, 2))  # the test images of `--dataset synthetic`
    logits = train_torch.predict(settled, test, Recipe())
    metrics = {"test_metrics": seven_metrics(logits, test.labels)}
    record = read_record(weights)
    write_record(out, record | metrics | {"weights": {"file": out.name, "sha256": sha256}})


def main(framework: str, job_file: Path) -> None:
    job = json.loads(job_file.read_text())
    if "settle" in job:
        settle(Path(job["settle"]), Path(job["out"]))
        return
    out = Path(job["out"])
    network = NETWORKS[framework]()
    write_initial(network, out)
    write_back(network, job["weights"], out)
    # In float32 only, so before the 64-bit mode of JAX and Keras's other policy.
    write_training(framework, Path(job["start"]), out)
    write_logits(network, Path(job["start"]), out)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
