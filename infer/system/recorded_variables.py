"""Environment variables that affect runtimes and NVIDIA's libraries, which are recorded."""

from __future__ import annotations

from collections.abc import Mapping

from ..runtimes.base import TF32, TF32_OVERRIDE
from ..variant import Variant
from .passed_variables import ALLOW_READ, PASS_ENV, read_by_runtimes

# What the user has opened to processes that open artifacts.
_OPENED = (ALLOW_READ, PASS_ENV)
# Variables that may change the precision of the arithmetic.
_PRECISION = (
    TF32_OVERRIDE,
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "TF_ENABLE_CUBLAS_TENSOR_OP_MATH_FP32",
    "TF_ENABLE_CUDNN_TENSOR_OP_MATH_FP32",
    "TF_ENABLE_AUTO_MIXED_PRECISION",
    "XLA_FLAGS",
    "TF_XLA_FLAGS",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
)


def recorded_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Select the variables to record: those that runtimes heed, and what the user has opened."""
    read = read_by_runtimes(environment)
    return {name: environment[name] for name in sorted(environment) if name in (*read, *_OPENED)}


def forbids_tf32(tf32: bool, variant: Variant) -> bool:
    """Whether NVIDIA's libraries must not use TF32, since no option or setting allows it."""
    chosen = variant.settings.get(TF32.name)
    if chosen is not None:
        return chosen == TF32.tuned
    return not (tf32 or variant.untuned)


def precision_notes(variables: Mapping[str, str], tf32: bool, variant: Variant) -> list[str]:
    """Of the variables of a worker, those that may have changed its precision.

    Args:
        variables: the variables, as `recorded_variables` returned them.
        tf32: whether the run allows TF32.
        variant: how the artifact was run.
    """
    settings = [
        f"{name}={variables[name]}"
        for name in _PRECISION
        if name in variables
        # Zero is what a run sets itself.
        and not (name == TF32_OVERRIDE and variables[name] == "0" and forbids_tf32(tf32, variant))
    ]
    return (
        [f"set in the environment, may change the precision: {', '.join(settings)}"]
        if settings
        else []
    )
