"""An ExecuTorch program from PyTorch, lowered to XNNPACK."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import EdgeProgramManager, to_edge_transform_and_lower
from executorch.runtime import Runtime

from export.signature import Predict
from export.torch_serving import Serving, predictor

# ExecuTorch plans all memory when it exports, so that a batch has an upper bound, and takes the
# memory for that when it loads: with 1,024 our network holds twice the memory that it does with
# this, the batch of the training, on which artifacts are compared.
LARGEST_BATCH = 128


def export(weights: Mapping[str, np.ndarray], size: int, path: Path) -> Predict:
    """Write a .pte file that takes batches of up to LARGEST_BATCH.

    Raises:
        RuntimeError: the program has come to have another bound.
    """
    model = Serving(weights)
    # XNNPACK's passes take weights in PyTorch's own layout only.
    plain = Serving(weights)
    plain.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    batch = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    # Traced with the largest batch. PyTorch asks, when it chooses a convolution, whether there are
    # fewer than 16 images, and takes the answer of the example for a limit of the program.
    example = torch.zeros((LARGEST_BATCH, size, size, 3))
    program = torch.export.export(plain, (example,), dynamic_shapes={"image": {0: batch}})
    logging.getLogger("executorch").setLevel(logging.WARNING)
    lowered: EdgeProgramManager = to_edge_transform_and_lower(
        program, partitioner=[XnnpackPartitioner()]
    )
    path.write_bytes(lowered.to_executorch().buffer)
    _check_bound(path)
    return predictor(model)


def _check_bound(path: Path) -> None:
    """See that the program takes the largest batch, which a guard in PyTorch may have lowered."""
    method = Runtime.get().load_program(path).load_method("forward")
    image = method.metadata.input_tensor_meta(0)
    if image.sizes()[0] != LARGEST_BATCH:
        raise RuntimeError(
            f"exported for batches of up to {LARGEST_BATCH}, but it takes {image.sizes()[0]}: "
            "PyTorch has set another limit while it traced"
        )
