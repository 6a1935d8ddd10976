"""Tell the format of a file or folder by what is in it, never by its name.

Only the beginning of a file and its outermost structure are read; nothing of it is run.
"""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path

from ..errors import ArtifactError, DamagedError
from .aotinductor import reader as aotinductor
from .jax_export import reader as jax_export
from .litert import reader as litert
from .map_file import map_file
from .onnx import reader as onnx
from .openvino import reader as openvino
from .protobuf import Message
from .safe_paths import check_link
from .saved_model import reader as saved_model
from .torch_export import reader as torch_export

_HEAD = 4096
_TAKEN = (
    "SavedModel, TorchScript, torch.export, AOTInductor, ONNX, jax.export, LiteRT or OpenVINO IR"
)
# What people have beside artifacts, by how it begins: what it is and what to do.
_OTHERS = (
    (b"\x89HDF\r\n\x1a\n", "a model or weights of Keras in HDF5; export it with model.export"),
    (b"GGUF", "weights for llama.cpp, not a graph that runs by itself"),
    (b"\x80\x02", "a pickle, which is never opened; export the model"),
    (b"\x80\x03", "a pickle, which is never opened; export the model"),
    (b"\x80\x04", "a pickle, which is never opened; export the model"),
    (b"\x80\x05", "a pickle, which is never opened; export the model"),
    (b"\x93NUMPY", "an array, not a model; give it with --inputs"),
    (b"ML\xefR", "a bare MLIR module; serialize the function with jax.export"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"),
)


def detect(path: Path) -> tuple[str, Path]:
    """The format of what lies at a path, and the file or folder to load.

    The path may be that of a SavedModel's folder or of the file inside of it, and of either
    file of an OpenVINO IR.

    Raises:
        DamagedError: it is damaged.
        ArtifactError: no runtime here takes it; the message says what it seems to be.
    """
    try:
        return _in_folder(path) if path.is_dir() else _in_file(path)
    except DamagedError as error:
        raise DamagedError(f"{path}: {error}; take a whole copy") from None
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror or error})") from None


def companions(payload: Path) -> list[Path]:
    """The files beside a payload that belong to it: weights of ONNX and OpenVINO files.

    Raises:
        DamagedError: the payload is damaged.
        ArtifactError: it names files outside of its folder.
    """
    try:
        format_name, _ = _in_file(payload)
    except DamagedError as error:
        raise DamagedError(f"{payload}: {error}; take a whole copy") from None
    except ArtifactError:
        return []  # a payload that is none of ours, as that of the fake runtime
    try:
        if format_name == "openvino":
            return [path for path in [openvino.weights_of(payload)] if path.is_file()]
        if format_name == "onnx":
            return [path for path in onnx.external_files(payload) if path.is_file()]
    except DamagedError as error:
        raise DamagedError(f"{payload}: {error}; take a whole copy") from None
    return []


def folder_files(payload: Path) -> list[Path]:
    """The files of a payload that is a folder, in the order of their paths.

    Raises:
        ArtifactError: a link or a name in it leads out of it.
    """
    found = []
    for path in sorted(payload.rglob("*")):
        if path.is_symlink():
            if path.is_dir():
                raise ArtifactError(f"{path}: a link to a folder; put the folder in its place")
            check_link(path, payload, payload / "saved_model.pb")
        if path.is_file():
            found.append(path)
    try:
        saved_model.check_assets(payload)
    except DamagedError as error:
        raise DamagedError(f"{payload}: {error}; take a whole copy") from None
    return found


def _in_folder(path: Path) -> tuple[str, Path]:
    for name in ("saved_model.pb", "saved_model.pbtxt"):
        if (path / name).is_file():
            return "saved-model", path
    if (path / "Manifest.json").is_file() and list(path.glob("Data/*/*.mlmodel")):
        raise ArtifactError(f"{path}: a model of Core ML, which runs on Apple's systems only")
    inside = [file.name for file in sorted(path.iterdir()) if _is_artifact(file)]
    if inside:
        raise ArtifactError(f"{path}: a folder that holds {', '.join(inside[:3])}; name a file")
    raise ArtifactError(
        f"{path}: neither manifest.json nor saved_model.pb is in this folder, nor a file that "
        f"is {_TAKEN}"
    )


def _is_artifact(file: Path) -> bool:
    try:
        return file.is_file() and bool(_in_file(file))
    except ArtifactError:
        return False


def _in_file(path: Path) -> tuple[str, Path]:
    if not path.is_file():
        raise ArtifactError(f"{path}: neither a file nor a folder")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise ArtifactError(f"{path}: empty")
    if path.name in ("saved_model.pb", "saved_model.pbtxt"):
        return "saved-model", path.parent
    if head[4:8] == litert.IDENTIFIER:
        return "litert", path
    if head[4:8] == b"ORTM":
        return "onnx", path
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _in_archive(path), path
    if openvino.version_of(head) is not None:
        return "openvino", path
    return _in_bytes(path, map_file(path)), path


def _in_bytes(path: Path, data: memoryview) -> str:
    head = bytes(data[:_HEAD])
    for start, what in _OTHERS:
        if head.startswith(start):
            raise ArtifactError(f"{path}: {what}")
    if head[4:8] == b"ET12":
        raise ArtifactError(f"{path}: a program of ExecuTorch, which no runtime here takes")
    if head[8:9] == b"{" and struct.unpack_from("<Q", head)[0] <= len(data):
        raise ArtifactError(f"{path}: weights alone (safetensors), without a graph to run")
    beside = path.with_suffix(".xml")
    if path.suffix == ".bin" and beside.is_file():
        raise ArtifactError(f"{path}: the weights of {beside.name}; name that file")
    if jax_export.module_of(data) is not None:
        return "jax-export"
    return _in_protobuf(path, data, head)


# What `zipfile` raises for damaged archives.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    ValueError,
    EOFError,
    RuntimeError,
    OverflowError,
    struct.error,
)


def _in_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2] or name for name in archive.namelist()}
    except _ZIP_ERRORS as error:
        raise DamagedError(f"a damaged archive ({error})") from None
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):
        return "torchscript"
    if aotinductor.is_package(names):
        return "aotinductor"
    if torch_export.is_archive(names):
        return "torch-export"
    if "serialized_exported_program.json" in names:
        raise ArtifactError(
            f"{path}: a program that torch.export saved before PyTorch 2.8; load it there and "
            "save it anew"
        )
    if "data.pkl" in names:
        raise ArtifactError(
            f"{path}: weights or a pickled module of torch.save, which is never opened; export "
            "the module with torch.jit or torch.onnx.export"
        )
    if "model.weights.h5" in names:
        raise ArtifactError(f"{path}: a model of Keras; export it with model.export")
    if names and all(name.endswith(".npy") for name in names):
        raise ArtifactError(f"{path}: arrays, not a model; give them with --inputs")
    raise ArtifactError(
        f"{path}: an archive, but neither TorchScript, torch.export nor AOTInductor"
    )


_MODEL = {1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}  # fields of ONNX's ModelProto
_GRAPH_FIELDS = {1, 2, 5, 10, 11, 12, 13, 14, 15, 16}


def _in_protobuf(path: Path, data: memoryview, head: bytes) -> str:
    try:
        model = Message(data)
    except DamagedError as error:
        if re.match(rb"\x08[\x01-\x1f][\x12\x3a\x42]", head):
            raise DamagedError(f"an ONNX file that is {error}") from None
        raise _unknown(path) from None
    numbers = model.numbers()
    if numbers <= {1, 2, 3, 4} and 1 in numbers and _is_graph_def(model):
        raise ArtifactError(
            f"{path}: a bare TensorFlow graph (GraphDef) without signature; save it as SavedModel"
        )
    if not (7 in numbers and numbers <= _MODEL):
        raise _unknown(path)
    try:
        if not model.message(7).numbers() <= _GRAPH_FIELDS:
            raise _unknown(path)
    except DamagedError as error:
        if 1 in numbers and 8 in numbers:
            raise DamagedError(f"an ONNX file whose graph is damaged ({error})") from None
        raise _unknown(path) from None
    return "onnx"


def _is_graph_def(model: Message) -> bool:
    try:
        node = Message(model.raw(1)[0])
        return bool(node.string(1) and node.string(2))
    except DamagedError:
        return False


def _unknown(path: Path) -> ArtifactError:
    return ArtifactError(f"{path}: not recognized as {_TAKEN}")
