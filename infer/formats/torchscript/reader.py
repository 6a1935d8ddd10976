"""Describe a TorchScript archive.

Its program is text, which is parsed. Its weights are listed by a pickle, whose opcodes are read and
never run.
"""

from __future__ import annotations

import ast
import pickletools
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...errors import DamagedError
from ...tensors.dtypes import ANY
from ...tensors.signature import Signature, TensorSpec
from ..archive import Archive
from ..description import Description
from .precision import precision_of

_MOST_CODE = 64 << 20  # bytes; a program is some kilobytes for every module
_STORAGES = {
    "FloatStorage": ("float32", 4),
    "DoubleStorage": ("float64", 8),
    "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2),
    "LongStorage": ("int64", 8),
    "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2),
    "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1),
    "BoolStorage": ("bool", 1),
    "ComplexFloatStorage": ("complex64", 8),
    "ComplexDoubleStorage": ("complex128", 16),
    "QInt8Storage": ("qint8", 1),
    "QUInt8Storage": ("quint8", 1),
    "QInt32Storage": ("qint32", 4),
}
_NUMBERS = {"int": "int64", "float": "float64", "bool": "bool", "complex": "complex128"}
_KINDS = {"Tensor": ANY, **_NUMBERS}
_FORWARD = "forward"


def describe(path: Path) -> Description:
    """Read the program of a TorchScript archive.

    Raises:
        ArtifactError: it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _describe(Archive(archive, _MOST_CODE))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError) as error:
        raise DamagedError(f"a damaged archive ({error})") from None


def _describe(archive: Archive) -> Description:
    root, tensors = _state(archive.read("data.pkl"))
    if "constants.pkl" in archive.entries:
        constants = _state(archive.read("constants.pkl"))[1]
        tensors += [(f"c{place}", dtype, size) for place, (_, dtype, size) in enumerate(constants)]
    weights: Counter[str] = Counter()
    for _, dtype, size in tensors:
        weights[dtype] += size
    operators: Counter[str] = Counter()
    trees = []
    methods: dict[str, ast.FunctionDef] = {}
    if not root:
        raise DamagedError("its list of contents names no module")
    module, _, name = root.rpartition(".")
    for entry in archive.entries:
        if not (entry.startswith("code/") and entry.endswith(".py")):
            continue
        tree = _parse(archive.read(entry), entry)
        operators.update(_calls(tree))
        trees.append(tree)
        if entry == f"code/{module.replace('.', '/')}.py":
            methods = _methods(tree, name)
    signatures = {
        name: _signature(method)
        for name, method in sorted(methods.items(), key=lambda item: item[0] != _FORWARD)
        if not name.startswith("__")
    }
    if _FORWARD in signatures:
        signatures = {"": signatures.pop(_FORWARD)} | signatures
    version = archive.read("version").decode("ascii", "replace").strip()
    return Description(
        "torchscript",
        f"archive {version}",
        "torch",
        signatures,
        dict(weights.most_common()),
        dict(operators.most_common()),
        executes_code="the file holds a program, which runs when it is called",
        notes=("shapes and dtypes of tensors are not in the file",),
        graph_precision=precision_of(trees, operators, tensors),
    )


def _state(pickled: bytes) -> tuple[str, list[tuple[str, str, int]]]:
    """The class of the object in a pickle, and name, dtype and bytes of each of its tensors.

    A tensor's storage is a tuple of "storage", its class, key, device and number of elements.
    Before it stand the name of the attribute, and the function that makes a tensor of a storage.
    """
    root = ""
    tensors: list[tuple[str, str, int]] = []
    seen = set()
    memo: dict[int, object] = {}
    recent: list[object] = []
    try:
        for opcode, argument, _ in pickletools.genops(pickled):
            if opcode.name == "GLOBAL":
                recent.append(str(argument).replace(" ", "."))
                if not root and str(argument).startswith("__torch__"):
                    root = str(argument).partition(" ")[0] + "." + str(argument).rpartition(" ")[2]
            elif opcode.name in ("BINPUT", "LONG_BINPUT") and isinstance(argument, int):
                memo[argument] = recent[-1] if recent else None
            elif opcode.name in ("BINGET", "LONG_BINGET") and isinstance(argument, int):
                recent.append(memo.get(argument))
            elif opcode.name == "BINPERSID":
                kind, key, _, count = recent[-4:] if len(recent) >= 4 else (None, None, None, 0)
                name = str(kind).rpartition(".")[2]
                if key not in seen and isinstance(count, int):
                    dtype, size = _STORAGES.get(name, (name, 1))
                    tensors.append(
                        (str(recent[-7]) if len(recent) > 6 else "", dtype, size * count)
                    )
                seen.add(key)
            elif isinstance(argument, int | str):
                recent.append(argument)
            elif opcode.name in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3") and recent:
                # What is put into the memo next is the tuple; its parts were looked at.
                continue
    except (ValueError, EOFError, IndexError, UnicodeDecodeError) as error:
        raise DamagedError(f"a damaged list of its contents ({error})") from None
    return root, tensors


def _parse(code: bytes, entry: str) -> ast.Module:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise DamagedError(f"its program {entry} cannot be read ({error})") from None


def _calls(tree: ast.AST) -> Iterator[str]:
    """The operators that are called: `torch.conv2d`, `ops.prim.NumToTensor`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func) if isinstance(node.func, ast.Attribute) else ""
            if re.match(r"(torch|ops)\.[\w.]+$", name):
                yield name.removeprefix("torch.").removeprefix("ops.")


def _methods(tree: ast.Module, name: str) -> dict[str, ast.FunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return {part.name: part for part in node.body if isinstance(part, ast.FunctionDef)}
    raise DamagedError(f"its program lacks the class {name}")


def _signature(method: ast.FunctionDef) -> Signature:
    inputs = tuple(_spec(argument.arg, argument.annotation) for argument in method.args.args[1:])
    returns = method.returns
    kinds = [returns]
    if isinstance(returns, ast.Subscript) and ast.unparse(returns.value) == "Tuple":
        kinds = (
            list(returns.slice.elts) if isinstance(returns.slice, ast.Tuple) else [returns.slice]
        )
    outputs = tuple(_spec(f"output_{index}", kind) for index, kind in enumerate(kinds))
    return Signature(inputs, outputs)


def _spec(name: str, annotation: ast.expr | None) -> TensorSpec:
    """A number is a single value; of a tensor the program tells neither shape nor type."""
    kind = _kind(annotation)
    return TensorSpec(name, () if kind in _NUMBERS.values() else None, kind)


def _kind(annotation: ast.expr | None) -> str:
    text = ast.unparse(annotation) if annotation else "Tensor"
    return _KINDS.get(text, text)
