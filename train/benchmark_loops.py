"""Plainer ways to write the training loops, which `train.benchmark` holds ours against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from train.data import Dataset
from train.monitor import Monitor
from train.recipe import Recipe
from train.weights import Weights

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
