"""What TF32 would do to the pretrained network, shown on the CPU.

The factors of every product, weights and what comes in, are taken to the 10 bits of TF32, rounded
or cut off as a tensor core may do; the products are then calculated in float32. float16 is shown
beside, with every layer's output rounded too.

    python tools/tf32_double.py --images 256

Prints, beside float32: the largest difference of the logits in steps of 10 bits (2^-10 of the
largest logit), the largest of the probabilities, how many images differ by more than the roundings
of TF32 and float16 in probabilities, and whether that passes since odds may change as logits may.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from export.torch_serving import Serving
from infer.parity.comparing import compare
from infer.parity.tolerance import ROUNDINGS, tolerances
from train.data import load_dataset

WEIGHTS = Path("artifacts/pretrained/torch-paper-28-seed0.safetensors")
STEP = 2.0**-10
_LOWER_BITS = 13  # of float32's 23, which TF32 has not


def rounded(values: Tensor) -> Tensor:
    """Round to the nearest value of 10 bits, ties to even; float32 in and out."""
    bits = values.contiguous().view(torch.int32)
    half = (1 << (_LOWER_BITS - 1)) - 1 + ((bits >> _LOWER_BITS) & 1)
    return ((bits + half) >> _LOWER_BITS << _LOWER_BITS).view(torch.float32)


def cut_off(values: Tensor) -> Tensor:
    """Truncate to 10 bits; float32 in and out."""
    return (values.contiguous().view(torch.int32) >> _LOWER_BITS << _LOWER_BITS).view(torch.float32)


def in_half(values: Tensor) -> Tensor:
    """Round to float16; float32 in and out."""
    return values.half().float()


def network(weights: dict[str, np.ndarray], taken: Callable[[Tensor], Tensor] | None) -> nn.Module:
    """The network, images to logits, with the factors of its products taken to fewer bits."""
    model = Serving(weights).network
    for module in model.modules() if taken else ():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.data = taken(module.weight.data)
            module.register_forward_pre_hook(lambda _, inputs: (taken(inputs[0]),))
        if taken is in_half and not list(module.children()):
            module.register_forward_hook(lambda _, inputs, output: in_half(output))
    return model


def served(logits: Tensor) -> dict[str, np.ndarray]:
    """The output of an artifact with these logits."""
    return {"probabilities": logits.softmax(1).numpy()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=3421)
    options = parser.parse_args()
    weights = dict(load_file(WEIGHTS))
    images = torch.from_numpy(load_dataset("bloodmnist").test.images[: options.images])
    images = images.float() / 255

    @torch.inference_mode()
    def logits(taken: Callable[[Tensor], Tensor] | None) -> Tensor:
        model = network(weights, taken)
        return torch.cat([model(part) for part in images.split(128)])

    expected = logits(None)
    scale = expected.abs().max()
    for name, taken in (("rounded", rounded), ("cut off", cut_off), ("float16", in_half)):
        values = logits(taken)
        steps = (values - expected).abs().max() / scale / STEP
        apart = (values.softmax(1) - expected.softmax(1)).abs().amax(1)
        beyond = [int((apart > ROUNDINGS[kind] * STEP).sum()) for kind in ("tf32", "float16")]
        judged = [
            compare(served(values), served(expected), tolerances(served(expected), [kind]))
            for kind in ("tf32", "float16")
        ]
        passed = " and ".join("passes" if result["passed"] else "fails" for result in judged)
        print(
            f"{name}: logits {steps:.1f} steps, probabilities {apart.max():.2g}, beyond TF32's "
            f"{beyond[0]}, beyond float16's {beyond[1]} of {len(images)}; {passed} with the odds"
        )


if __name__ == "__main__":
    main()
