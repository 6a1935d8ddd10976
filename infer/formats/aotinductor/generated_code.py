"""What the C++ source of a package says, which is searched and never compiled or run.

AOTInductor generates a wrapper, which calls the operators, and beside it the kernels of its own.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ...tensors.dtypes import ANY
from ...tensors.precision import Precision, bits_of, precision_from, uncounted, with_stored_weights
from ...tensors.signature import TensorSpec
from ..torch_trees import leaf_names

BINARIES = (".cubin", ".fatbin", ".hsaco", ".spv")  # compiled kernels of a GPU
_MOST_DIMENSIONS = 64  # as in PyTorch
_OPERATOR = re.compile(r"\baoti_torch_(?:cpu|cuda|xpu|mps)_(\w+)\(|^ +((?:cpp|triton)_\w+)\(", re.M)
_CONSTANT = re.compile(r"constants_info_\[\d+\]\.(name|dtype|data_size) = \"?(\w+)\"?;")
_CHECK = re.compile(r"(\d+)\(")
_DTYPE = re.compile(r"_expected_dtype = aoti_torch_dtype_(\w+)\(\)")
_PLACE = re.compile(r"(?:(\d+) != )?\w+_(size|stride)\[(\d+)\]")
_WRITTEN = re.compile(r"\((?!const )[\w:]+\*\)\((\w+)\.data_ptr\(\)\)")
_KERNEL_CALL = re.compile(r"^ +(\w+)\((.*)\);$", re.M)
_KERNEL = re.compile(r"\bvoid +(\w+)\(([^)]*)\)\s*\{(.*?)^\}", re.M | re.S)
_TYPE_NAME = re.compile(r"(?:aoti_torch_dtype|cached_torch_dtype)_((?:float|bfloat|u?int)\d\w*)")
_CPP_NAME = re.compile(r"\b(at::Half|c10::Half|half|at::BFloat16|c10::BFloat16|bfloat16)\s*[*>]")
_CPP = {
    **dict.fromkeys(("at::Half", "c10::Half", "half"), "float16"),
    **dict.fromkeys(("at::BFloat16", "c10::BFloat16", "bfloat16"), "bfloat16"),
}
_FIXED_THREADS = re.compile(r"omp parallel num_threads\((\d+)\)")


def find_inputs(
    wrapper: str,
) -> tuple[tuple[TensorSpec, ...], tuple[dict[int, int], ...], list[str]]:
    """Find the inputs, from the checks that the generated code makes of them.

    The checks name each size and stride that is fixed; a dimension that no check names is free.
    """
    specs, strides, notes = [], [], []
    checks = dict(_checks(wrapper))
    names = _argument_names(wrapper)
    if len(names) != len(checks):
        if names:
            notes.append(f"{len(names) - len(checks)} of its arguments were fixed at the export")
        names = [f"input_{index}" for index in range(len(checks))]
    for name, (_, check) in zip(names, sorted(checks.items()), strict=True):
        dtype = _DTYPE.search(check)
        sizes: dict[int, int | None] = {}
        steps: dict[int, int] = {}
        for value, what, dimension in _PLACE.findall(check):
            if int(dimension) > _MOST_DIMENSIONS:
                continue
            sizes.setdefault(int(dimension), None)
            if value and what == "size":
                sizes[int(dimension)] = int(value)
            elif value:
                steps[int(dimension)] = int(value)
        shape = tuple(sizes.get(index) for index in range(max(sizes, default=-1) + 1))
        specs.append(TensorSpec(name, shape, dtype[1] if dtype else ANY))
        strides.append(steps)
    return tuple(specs), tuple(strides), notes


def _checks(wrapper: str) -> Iterator[tuple[int, str]]:
    """Yield number and body of each function that checks an input."""
    for part in wrapper.split("static void check_input_")[1:]:
        number = _CHECK.match(part)
        body, end, _ = part.partition("\n}")
        if number and end:
            yield int(number[1]), body


def _spec(wrapper: str, name: str) -> Any:
    """Find a tree that the code states as JSON; None if there is none."""
    _, begin, rest = wrapper.partition(f'{name}_ = R"(')
    stated, end, _ = rest.partition(')";')
    return json.loads(stated)[1] if begin and end else None


def _argument_names(wrapper: str) -> list[str]:
    """Positional arguments by their number, keyword arguments by their name."""
    spec = _spec(wrapper, "in_spec")
    if spec is None:
        return []
    positional, keywords = spec["children_spec"]
    return [*leaf_names(positional, "input"), *leaf_names(keywords, "input")]


def find_outputs(wrapper: str) -> tuple[TensorSpec, ...]:
    """Find the outputs; their shapes and types are not known."""
    spec = _spec(wrapper, "out_spec")
    names = leaf_names(spec, "output") if spec is not None else []
    count = len(set(re.findall(r"outputs_info_\[(\d+)\]\.name", wrapper)))
    if len(names) != count:
        names = [f"output_{index}" for index in range(count)]
    return tuple(TensorSpec(name, None, ANY) for name in names)


def find_constants(wrapper: str) -> tuple[Counter[str], set[str]]:
    """Bytes of the weights by dtype, and what the code calls them."""
    weights: Counter[str] = Counter()
    names, dtype = set(), ""
    for what, value in _CONSTANT.findall(wrapper):
        if what == "name":
            names.add(value)
        elif what == "dtype":
            dtype = value.removeprefix("cached_torch_dtype_")
        elif value.isdecimal():
            weights[dtype] += int(value)
    return weights, names


def used_weights(wrapper: str) -> Counter[str]:
    """Bytes of the weights that the code takes, by dtype."""
    weights: Counter[str] = Counter()
    parts = re.split(r"^ *constants_info_\[\d+\]\.name = ", wrapper, flags=re.M)
    for part in parts[1:]:
        found, names = find_constants(f"constants_info_[0].name = {part}")
        if any(_is_used(name, wrapper) for name in names):
            weights += found
    return weights


def _is_used(name: str, wrapper: str) -> bool:
    mentions = len(re.findall(rf'(?<![\w".]){name}(?![\w"])', wrapper))
    return mentions > wrapper.count(f"auto& {name} = constants_->")


def written_tensors(wrapper: str) -> set[str]:
    """What the code calls the tensors that it writes to."""
    return set(_WRITTEN.findall(wrapper))


def unread_tensors(sources: list[str], wrapper: str, written: set[str]) -> set[str]:
    """Those of the written tensors that no call reads, so that what is written has no effect.

    PyTorch makes a constant of a buffer of up to 8 values, and writes to the buffer all the same.
    """
    kernels = {
        name: (
            [argument.split()[-1] for argument in arguments.split(",") if argument.strip()],
            body,
        )
        for text in sources
        for name, arguments, body in _KERNEL.findall(text)
    }
    code = wrapper.partition("::run_impl(")[2]
    return {name for name in written if not _is_read(name, code, kernels)}


def _is_read(name: str, code: str, kernels: Mapping[str, tuple[list[str], str]]) -> bool:
    """Whether a tensor is more than written: by what the code says, or where that is not told."""
    mentions = len(re.findall(rf"\b{name}\b", code)) - code.count(f"auto& {name} = constants_->")
    stores = 0
    for kernel, given in _KERNEL_CALL.findall(code):
        arguments, body = kernels.get(kernel, ([], ""))
        for argument, value in zip(arguments, given.split(", "), strict=False):
            if value.endswith(f"*)({name}.data_ptr())"):
                stores += _is_stored_only(argument, body)
    return mentions > stores


def _is_stored_only(argument: str, body: str) -> bool:
    stores = re.findall(rf"\.store\({argument}\b|^\s*{argument}\[.*?\] = ", body, re.M)
    return len(stores) == len(re.findall(rf"\b{argument}\b", body))


def fixed_threads(sources: list[str]) -> set[str]:
    """The numbers of threads that kernels are generated for, whatever is set."""
    return {count for text in sources for count in _FIXED_THREADS.findall(text)}


def find_precision(sources: list[str], border: set[str], weights: Mapping[str, int]) -> Precision:
    """The types that the source names; what is stored in them is not told from what is calculated.

    Args:
        sources: the generated code.
        border: types of the inputs; whole numbers of 8 bits among these may be pixels.
        weights: bytes of the weights that the code uses, by type.
    """
    names = {name for text in sources for name in _TYPE_NAME.findall(_CONSTANT.sub("", text))}
    names |= weights.keys()
    names |= {_CPP[name] for text in sources for name in _CPP_NAME.findall(text)}
    few = [bits for name in names - border - {"uint8"} if (bits := bits_of(name)) is not None]
    stored = with_stored_weights(weights, 0)
    if stored:  # how many values the kernels quantise besides is not known
        stored = uncounted(stored.bits)
    return precision_from(names | border, (), uncounted(min(few)) if few else stored)


def count_operators(wrapper: str, files: dict[str, zipfile.ZipInfo]) -> Counter[str]:
    """Count the calls of each operator, and the compiled kernels among the files."""
    called = Counter(name or kernel for name, kernel in _OPERATOR.findall(wrapper))
    for suffix in BINARIES:
        count = sum(name.endswith(suffix) for name in files)
        if count:
            called[f"kernels ({suffix})"] = count
    return called
