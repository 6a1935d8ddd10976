"""The functions that JAX keeps for its own tests, in JAX directly and through the worker."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from conformance_worker import DIFFERS, FAILED, PASSED, ReusedWorker, Verdict

from infer.outcome import Failure, Outcome


def jax_vectors() -> Iterator[tuple[str, dict[str, Any]]]:
    """All functions that JAX keeps, by module, name and variant."""
    from jax._src.internal_test_util import export_back_compat_test_data as package

    for module in sorted(
        pkgutil.walk_packages(package.__path__, package.__name__ + "."), key=lambda m: m.name
    ):
        if module.ispkg:
            continue
        short = module.name.removeprefix(package.__name__ + ".")
        loaded = importlib.import_module(module.name)
        for name, value in sorted(vars(loaded).items()):
            if name.startswith("data"):
                yield from _variants(f"{short}/{name}", value)


def _variants(name: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict) and "testdata_version" in value:
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _variants(f"{name}/{key}", part)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _variants(f"{name}/{index}", part)


def run_jax(data: dict[str, Any], name: str, worker: ReusedWorker, folder: Path) -> Verdict:
    """One function, in JAX directly and through the worker."""
    import jax

    exported = _exported(data)
    path = folder / "function.jax"
    path.write_bytes(exported.serialize())
    inputs = {f"input_{index}": np.asarray(a) for index, a in enumerate(data["inputs"])}
    outcome, reason, outputs = Outcome.OK, "", {}
    try:
        outputs = worker.run(path, inputs)
    except Failure as failure:
        outcome, reason = failure.outcome, failure.reason
    try:
        with jax.experimental.enable_x64():
            result = jax.jit(exported.call)(*data["inputs"])
        direct = [np.asarray(leaf) for leaf in jax.tree.leaves(result)]
    except Exception:
        return Verdict(name, PASSED if outputs else FAILED, FAILED, outcome, reason)
    if not outputs:
        return Verdict(name, FAILED, PASSED, outcome, reason)
    same = len(outputs) == len(direct) and all(
        a.dtype == b.dtype and np.allclose(a, b, rtol=1e-5, atol=1e-5, equal_nan=True)
        for a, b in zip(outputs.values(), direct, strict=True)
    )
    return Verdict(name, PASSED if same else DIFFERS, PASSED, outcome, reason)


def refused_rightly(verdict: Verdict, data: dict[str, Any]) -> bool:
    """Whether a function that did not run was refused for what it was made for."""
    platform, devices = data["platform"], data.get("nr_devices", 1)
    if platform != "cpu":
        reason = f"made for {platform}, asked to run on cpu"
    else:
        reason = f"made for {devices} devices, here is 1"
    return verdict.outcome == Outcome.UNSUPPORTED and reason in verdict.reason


def _exported(data: dict[str, Any]) -> Any:
    """The function as an `Exported`; the package keeps its parts."""
    import jax
    from jax import export
    from jax._src import core

    def avals(values: Any) -> tuple[Any, ...]:
        arrays = [np.asarray(value) for value in values]
        return tuple(core.ShapedArray(array.shape, array.dtype) for array in arrays)

    ins, outs = avals(data["inputs"]), avals(data["expected_outputs"])
    ins, outs = _with_symbols(data["mlir_module_text"], ins, outs)
    nothing = (None,) * len(ins), (None,) * len(outs)
    return export.Exported(
        fun_name="function",
        in_tree=jax.tree.structure((tuple(range(len(ins))), {})),
        in_avals=ins,
        out_tree=jax.tree.structure(tuple(range(len(outs)))),
        out_avals=outs,
        _has_named_shardings=True,
        _in_named_shardings=nothing[0],
        _out_named_shardings=nothing[1],
        in_shardings_hlo=nothing[0],
        out_shardings_hlo=nothing[1],
        platforms=(data["platform"],),
        ordered_effects=(),
        unordered_effects=(),
        disabled_safety_checks=(),
        mlir_module_serialized=data["mlir_module_serialized"],
        calling_convention_version=data["xla_call_module_version"],
        nr_devices=data.get("nr_devices", 1),
        module_kept_var_idx=tuple(range(len(ins))),
        uses_global_constants=any(
            not isinstance(size, int) for value in ins for size in value.shape
        ),
        _get_vjp=None,
    )


def _with_symbols(text: str, ins: Any, outs: Any) -> tuple[Any, Any]:
    """The values with a symbol where the module leaves a size free.

    Their names are not kept, nor how the sizes of outputs follow from those of inputs: any
    expression will do that comes to the size which is expected.
    """
    from jax import export
    from jax._src import core

    head = re.search(r"func\.func public @main\((.*?)\) -> (.*?)\{\n", text, re.S)
    if head is None or "?" not in head[1] + head[2]:
        return ins, outs
    symbols: dict[int, str] = {}

    def with_symbols(values: Any, part: str) -> tuple[Any, ...]:
        symbolic = []
        for value, kind in zip(values, re.findall(r"tensor<([^>]*)>", part), strict=True):
            sizes = []
            for size, declared in zip(value.shape, kind.split("x"), strict=False):
                if declared != "?":
                    sizes.append(str(size))
                elif values is ins:
                    sizes.append(symbols.setdefault(size, f"s{size}"))
                else:
                    sizes.append(_expression(size, symbols))
            shape = export.symbolic_shape(",".join(sizes), scope=scope) if sizes else ()
            symbolic.append(core.ShapedArray(shape, value.dtype))
        return tuple(symbolic)

    scope = export.SymbolicScope()
    return with_symbols(ins, head[1]), with_symbols(outs, head[2])


def _expression(size: int, symbols: dict[int, str]) -> str:
    """A size as an expression of symbols whose sizes are known."""
    if size in symbols:
        return symbols[size]
    for first, second in itertools.combinations(symbols, 2):
        if first * second == size:
            return f"{symbols[first]}*{symbols[second]}"
    return f"{symbols[max(symbols)]} - {max(symbols) - size}"
