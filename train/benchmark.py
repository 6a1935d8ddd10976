"""What an epoch costs, beside plainer ways to write the same loop: `python -m train.benchmark`.

Every variant runs in a process of its own, all once a round, in random order. An epoch here is
1,024 synthetic images, unless told otherwise, and the first of each process, which compiles, does
not count.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from train import synthetic
from train.card import use_card
from train.data import COUNTS, Dataset, Split
from train.frameworks import python_of
from train.monitor import Monitor
from train.option_types import at_least
from train.quiet import quiet_stderr
from train.recipe import SIZES, Recipe
from train.record import machine
from train.weights import Weights

IMAGES = 1024
BATCH = Recipe().batch_size
ALL_IMAGES = sum(COUNTS.values())
# For the three epochs of a loop; one that takes longer is not tried again.
LIMIT_S = 180.0
Train = Callable[[Recipe, Dataset, Monitor, Weights | None], None]


def torch_plain(recipe: Recipe, data: Dataset, monitor: Monitor, start: Weights | None) -> None:
    """A DataLoader of float images in PyTorch's default layout."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    from train.torch_resnet import ResNet, get_weights

    class Contiguous(ResNet):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            x = torch.relu(self.stem(image))
            for block in self.blocks:
                x = block(x)
            logits: torch.Tensor = self.head(torch.amax(x, dim=(2, 3)))
            return logits

    model = Contiguous()
    optimizer = torch.optim.Adam(model.parameters(), recipe.learning_rate)
    images = torch.from_numpy(data.train.images).permute(0, 3, 1, 2).contiguous().float() / 255
    dataset = TensorDataset(images, torch.from_numpy(data.train.labels))
    loader = DataLoader(dataset, recipe.batch_size, shuffle=True, drop_last=True)
    for _ in monitor.epochs():
        model.train()
        for batch, labels in loader:
            loss = nn.functional.cross_entropy(model(batch), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            monitor.step(loss.detach())
        monitor.end_epoch(np.zeros((len(data.val), 8)), data.val.labels, get_weights(model))


def keras_plain(
    recipe: Recipe, data: Dataset, monitor: Monitor, start: Weights | None, *, xla: bool = False
) -> None:
    """`fit` on float images in memory."""
    import keras

    from train.keras_resnet import get_weights, resnet

    model = resnet(recipe.size, recipe.seed)
    model.compile(
        keras.optimizers.Adam(recipe.learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=xla,
    )
    images = data.train.images.astype(np.float32) / 255
    for _ in monitor.epochs():
        model.fit(images, data.train.labels, batch_size=recipe.batch_size, verbose=0)
        monitor.step(0.0)
        monitor.end_epoch(np.zeros((len(data.val), 8)), data.val.labels, get_weights(model))


def keras_xla(recipe: Recipe, data: Dataset, monitor: Monitor, start: Weights | None) -> None:
    """The same, compiled by XLA."""
    keras_plain(recipe, data, monitor, start, xla=True)


def flax_plain(recipe: Recipe, data: Dataset, monitor: Monitor, start: Weights | None) -> None:
    """A step under `nnx.jit`, nothing donated."""
    import jax
    import optax
    from flax import nnx

    from train.data import training_batches
    from train.flax_resnet import ResNet, get_weights

    model = ResNet(nnx.Rngs(recipe.seed))
    optimizer = nnx.Optimizer(model, optax.adam(recipe.learning_rate), wrt=nnx.Param)

    @nnx.jit
    def step(
        model: ResNet, optimizer: nnx.Optimizer, images: jax.Array, labels: jax.Array
    ) -> jax.Array:
        def loss_of(model: ResNet) -> jax.Array:
            losses: jax.Array = optax.softmax_cross_entropy_with_integer_labels(
                model(images), labels
            )
            return losses.mean()

        loss, gradients = nnx.value_and_grad(loss_of)(model)
        optimizer.update(model, gradients)
        return loss  # type: ignore[no-any-return]

    for epoch in monitor.epochs():
        for images, labels in training_batches(data.train, recipe, epoch):
            monitor.step(step(model, optimizer, images, labels))
        monitor.end_epoch(np.zeros((len(data.val), 8)), data.val.labels, get_weights(model))


def flax_scan(recipe: Recipe, data: Dataset, monitor: Monitor, start: Weights | None) -> None:
    """A whole epoch in one `lax.scan`, the images on the device."""
    import jax
    import optax
    from flax import nnx

    from train.flax_resnet import ResNet, get_weights

    model = ResNet(nnx.Rngs(recipe.seed))
    optimizer = nnx.Optimizer(model, optax.adam(recipe.learning_rate), wrt=nnx.Param)
    graph, state = nnx.split((model, optimizer))
    images, labels = jax.device_put(data.train.images), jax.device_put(data.train.labels)

    @jax.jit
    def epoch_step(state: nnx.State, order: jax.Array) -> tuple[nnx.State, jax.Array]:
        def body(state: nnx.State, chosen: jax.Array) -> tuple[nnx.State, jax.Array]:
            model, optimizer = nnx.merge(graph, state)

            def loss_of(model: ResNet) -> jax.Array:
                losses: jax.Array = optax.softmax_cross_entropy_with_integer_labels(
                    model(images[chosen].astype(np.float32) / 255), labels[chosen]
                )
                return losses.mean()

            loss, gradients = nnx.value_and_grad(loss_of)(model)
            optimizer.update(model, gradients)
            return nnx.state((model, optimizer)), loss

        return jax.lax.scan(body, state, order)

    for epoch in monitor.epochs():
        order = np.random.default_rng(epoch).permutation(len(data.train))
        state, losses = epoch_step(state, order.reshape(-1, recipe.batch_size))
        monitor.step(losses[-1])
        nnx.update((model, optimizer), state)
        monitor.end_epoch(np.zeros((len(data.val), 8)), data.val.labels, get_weights(model))


# "ours" stands for the train function of train_<framework>.py.
VARIANTS: dict[str, dict[str, Train | None]] = {
    "torch": {"ours": None, "plain": torch_plain},
    "keras": {"ours": None, "plain": keras_plain, "xla": keras_xla},
    "flax": {"ours": None, "plain": flax_plain, "scan": flax_scan},
}


def measure(framework: str, variant: str, images: int) -> float:
    """Seconds of an epoch of so many images in this process, without its validation."""
    train_split = Split(*synthetic.draw(images, 28, 0))
    val = Split(*synthetic.draw(8, 28, 1))
    data = Dataset("synthetic", 28, synthetic.CLASS_NAMES, train_split, val, val)
    recipe = Recipe(epochs=3)
    use_card()
    with quiet_stderr(), tempfile.TemporaryDirectory() as folder:
        train = VARIANTS[framework][variant]
        if train is None:
            train = importlib.import_module(f"train.train_{framework}").train
        steps = images // recipe.batch_size
        with Monitor("", recipe.epochs, steps, Path(folder) / "weights.safetensors") as monitor:
            train(recipe, data, monitor, None)
    return min(epoch.seconds for epoch in monitor.history[1:])


def peak_memory(framework: str, images: int) -> float:
    """Peak memory, in GB, of a training step at 224 pixels with so many images in memory."""
    size = SIZES[-1]
    splits = [
        Split(np.full((count, size, size, 3), 127, np.uint8), np.arange(count) % 8)
        for count in (max(n * images // ALL_IMAGES, BATCH) for n in COUNTS.values())
    ]
    few = Split(splits[1].images[:16], splits[1].labels[:16])
    data = Dataset("synthetic", size, synthetic.CLASS_NAMES, splits[0], few, splits[2])
    recipe = Recipe(size=size, epochs=1, train_images=128)
    use_card()
    with quiet_stderr(), tempfile.TemporaryDirectory() as folder:
        train = importlib.import_module(f"train.train_{framework}").train
        with Monitor("", 1, 1, Path(folder) / "weights.safetensors") as monitor:
            train(recipe, data, monitor, None)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main(arguments: list[str] | None = None) -> None:
    """Measure all variants in turn and print their ratios."""
    options = _parser().parse_args(arguments)
    frameworks = options.frameworks or list(VARIANTS)
    images = options.images or (ALL_IMAGES if options.memory else IMAGES)
    if options.variant:
        print(json.dumps(measure(frameworks[0], options.variant, images)))
        return
    if options.memory and len(frameworks) == 1:
        print(f"| {frameworks[0]} | {peak_memory(frameworks[0], images):.1f} GB |")
        return
    if options.memory:
        for framework in frameworks:
            subprocess.run(_command(framework, images, "--memory"), check=True)
        return
    here = machine()
    print(f"{here['processor']}, {here['cores']} cores; {options.rounds} rounds\n")
    print(f"| framework | loop | s / {images:,} images | ratio to ours, by round |")
    print("| --- | --- | ---: | --- |")
    for framework in frameworks:
        for line in _compare(framework, options.rounds, images):
            print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m train.benchmark",
        description="Measure what an epoch costs in each framework, beside plainer loops.",
        epilog="example: python -m train.benchmark torch --rounds 5",
    )
    parser.add_argument(
        "frameworks",
        nargs="*",
        type=_framework,
        metavar="FRAMEWORK",
        help=f"of {', '.join(VARIANTS)} (default: all)",
    )
    parser.add_argument("--rounds", type=at_least(1), default=3, help="of all loops (default: 3)")
    parser.add_argument(
        "--memory", action="store_true", help="the peak memory of a step at 224 pixels instead"
    )
    parser.add_argument(
        "--images",
        type=at_least(BATCH),
        metavar="N",
        help=f"in an epoch (default: {IMAGES:,}), or with --memory in all (default: "
        f"{ALL_IMAGES:,}); a batch of {BATCH} or more",
    )
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    return parser


def _framework(text: str) -> str:
    # argparse would hold none at all against `choices`.
    if text not in VARIANTS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(VARIANTS)}")
    return text


def _command(framework: str, images: int, *more: str) -> list[str]:
    options = ["--images", str(images), *more]
    return [python_of(framework), "-m", "train.benchmark", framework, *options]


def _compare(framework: str, rounds: int, images: int) -> list[str]:
    """The rows of a framework: seconds of every loop, and their ratios to ours by round."""
    times: dict[str, list[float]] = {name: [] for name in VARIANTS[framework]}
    given_up: list[str] = []
    for _ in range(rounds):
        order = list(times)
        random.shuffle(order)
        for variant in order:
            command = _command(framework, images, "--variant", variant)
            try:
                done = subprocess.run(
                    command, check=True, capture_output=True, text=True, timeout=LIMIT_S
                )
            except subprocess.TimeoutExpired:
                del times[variant]
                given_up.append(variant)
                continue
            times[variant].append(float(done.stdout.splitlines()[-1]))
            print(f"{framework} {variant}: {times[variant][-1]:.2f} s", file=sys.stderr)
    rows = []
    for variant, seconds in times.items():
        ratios = [a / b for a, b in zip(seconds, times.get("ours", []), strict=False)]
        shown = " ".join(f"{ratio:.2f}" for ratio in ratios)
        rows.append(f"| {framework} | {variant} | {statistics.median(seconds):.2f} | {shown} |")
    for variant in given_up:
        rows.append(f"| {framework} | {variant} | given up: 3 epochs took over {LIMIT_S:.0f} s | |")
    return rows


if __name__ == "__main__":
    main()
