"""The one recipe that all three frameworks train by.

The paper fixes the network, Adam, the loss, the batch and the number of epochs.
What it leaves open is decided here, once, with the reason beside it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

FRAMEWORKS = ("keras", "torch", "flax")
PROFILES = ("quick", "paper", "best")
SIZES = (28, 64, 128, 224)
CLASSES = 8

# Filters of the six residual blocks. A block whose filters differ from those of the
# block before it halves the image with a stride of 2.
BLOCK_FILTERS = (32, 32, 64, 64, 128, 128)
STEM_FILTERS = 32

# Batch normalization: the values of torchvision's ResNets. Keras defaults to a decay of
# 0.99, whose averages have not settled after the 94 steps of an epoch here.
NORM_EPSILON = 1e-5
NORM_DECAY = 0.9

# VarianceScaling with Keras's defaults: the paper names the initializer and no settings.
INIT_SCALE = 1.0

# A 3x3 convolution pads one pixel on every side, at a stride of 2 too. TensorFlow's "same"
# would pad only below and to the right there, which PyTorch has no convolution for.
PADDING = 1

# Adam's step size falls from here to zero along half a cosine over the whole training. The
# paper names none. A constant one was tried first and wastes the 20 epochs (docs/training.md):
# at Adam's default of 1e-3 the network has learnt the training images by heart after eight, and
# at this one the validation accuracy jumps about.
LEARNING_RATE = 3e-3

# What "best" adds to the paper's method. A blood cell has no up and no left, so that each of the
# eight symmetries of the square gives another true image. Decay of the kernels only, decoupled
# from Adam's step (Loshchilov and Hutter, 2019): a normalization's scale needs none. The weights
# that are evaluated are an exponential moving average over about a hundred steps, one epoch.
BEST_WEIGHT_DECAY = 0.05
BEST_EMA_DECAY = 0.99

# All three frameworks must divide by the same denominator: PyTorch and optax add 1e-8,
# Keras 1e-7.
ADAM_EPSILON = 1e-8

# Activations of one step are held for the backward pass, about 32 bytes for each pixel
# and filter. A step of more pixels than this is split into accumulation steps whose
# gradients are averaged, which keeps training at 224 pixels below 6 GB.
PIXELS_PER_STEP = 2**19


@dataclass(frozen=True)
class Recipe:
    """All parameters of a training, apart from the framework and its versions.

    Attributes:
        profile: "paper" is the whole method; "quick" is a short training; "best" is the paper's
            network and epochs plus methods that are known to help.
        size: image side in pixels.
        seed: seeds the initial weights and the order of the images.
        epochs: passes over the training images.
        train_images: how many of the training images are used; None for all.
        batch_size: images per optimizer step.
        learning_rate: Adam's first step size; it falls to zero along half a cosine.
        symmetries: whether each image is turned and mirrored at random, anew in every epoch.
        weight_decay: of the kernels, times the step size, at each step.
        ema_decay: of the exponential moving average of the weights, by optimizer step; 0 for the
            weights as they are.
    """

    profile: str = "quick"
    size: int = 28
    seed: int = 0
    epochs: int = 20
    train_images: int | None = None
    batch_size: int = 128
    learning_rate: float = LEARNING_RATE
    symmetries: bool = False
    weight_decay: float = 0.0
    ema_decay: float = 0.0

    @classmethod
    def from_profile(cls, profile: str, *, size: int = 28, seed: int = 0) -> Recipe:
        """The recipe of a profile: "quick", "paper" or "best"."""
        if profile == "paper":
            return cls(profile=profile, size=size, seed=seed)
        if profile == "best":
            return cls(
                profile=profile,
                size=size,
                seed=seed,
                symmetries=True,
                weight_decay=BEST_WEIGHT_DECAY,
                ema_decay=BEST_EMA_DECAY,
            )
        if profile == "quick":
            return cls(profile=profile, size=size, seed=seed, epochs=2, train_images=3200)
        raise ValueError(f"unknown profile {profile!r}: choose one of {', '.join(PROFILES)}")

    def changed(self, *, epochs: int | None = None, train_images: int | None = None) -> Recipe:
        """The recipe with other values (None keeps one), as the profile "own"."""
        if epochs is None and train_images is None:
            return self
        return replace(
            self,
            profile="own",
            epochs=self.epochs if epochs is None else epochs,
            train_images=self.train_images if train_images is None else train_images,
        )

    @property
    def micro_batch(self) -> int:
        """Images that pass through the network at once; divides the batch size."""
        images = self.batch_size
        while images > 1 and images * self.size**2 > PIXELS_PER_STEP:
            images //= 2
        return images

    @property
    def accumulation_steps(self) -> int:
        """Forward and backward passes whose gradients make one step of the optimizer."""
        return self.batch_size // self.micro_batch

    def as_dict(self) -> dict[str, Any]:
        """The recipe with the constants of this module, for the record."""
        return asdict(self) | {
            "optimizer": "adam with decoupled weight decay" if self.weight_decay else "adam",
            "learning_rate_schedule": "half a cosine to zero, by step",
            "adam_epsilon": ADAM_EPSILON,
            "loss": "categorical cross-entropy",
            "augmentation": "symmetries of the square" if self.symmetries else "none",
            "initializer": f"variance scaling, scale {INIT_SCALE:g}, fan-in, truncated normal",
            "skip": "1x1 convolution and batch normalization where the shape changes",
            "norm_epsilon": NORM_EPSILON,
            "norm_decay": NORM_DECAY,
            "padding": PADDING,
            "micro_batch": self.micro_batch,
        }
