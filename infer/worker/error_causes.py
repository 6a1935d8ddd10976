"""Causes of errors that runtimes word in their own way, said in a line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..outcome import Outcome


@dataclass(frozen=True)
class Cause:
    """What an error is about.

    Attributes:
        reason: one line; None where the error's own text says it.
        outcome: the outcome that it has; None for that of the step that failed.
        index_limit: the largest index that a table has, if the error is about an index beyond it;
            0, which every table has, where the error does not tell.
    """

    reason: str | None = None
    outcome: Outcome | None = None
    index_limit: int | None = None


# Whose the operators of a domain or namespace are.
_OWNERS = {
    "ai.onnx.contrib": "onnxruntime-extensions",
    "com.microsoft.extensions": "onnxruntime-extensions",
    "com.microsoft": "ONNX Runtime",
    "org.pytorch.aten": "PyTorch",
    "mmdeploy": "MMDeploy",
    "torchvision": "torchvision",
    "torchaudio": "torchaudio",
    "fbgemm": "FBGEMM",
    "tf": "TensorFlow",
}


def _foreign(namespace: str, operator: str) -> Cause:
    owner = _OWNERS.get(namespace)
    whose = f"of {owner}" if owner else f"of '{namespace}', a library of its makers"
    return Cause(
        f"has the operator {operator} {whose}, and no library of operators is loaded here; export "
        "it with the runtime's own operators",
        Outcome.UNSUPPORTED,
    )


def _unknown(match: re.Match[str]) -> Cause:
    return Cause(
        f"has the operator {match[1]}, which this runtime does not have: it is of a newer version, "
        "or of another library, and none is loaded here",
        Outcome.UNSUPPORTED,
    )


def _no_cuda(match: re.Match[str]) -> Cause:
    return Cause(
        "wants CUDA, and there is none here: its program has a device such as 'cuda:0' written "
        "into it; export it on the CPU, or with the device of its inputs",
        Outcome.UNSUPPORTED,
    )


def _flex(match: re.Match[str]) -> Cause:
    return Cause(
        "has operators of TensorFlow (Flex), which LiteRT does not have; convert it with LiteRT's "
        "own operators (TFLITE_BUILTINS)",
        Outcome.UNSUPPORTED,
    )


def _pixels(match: re.Match[str]) -> Cause:
    return Cause(
        "takes float32, and its file does not tell, so that it got uint8 as it is; give floating "
        "point, or, if it is made for values in 0..1, say --range INPUT=0:1",
        Outcome.BAD_INPUT,
    )


def _index(match: re.Match[str]) -> Cause:
    end = next((group for group in match.groups() if group), None)
    return Cause(index_limit=int(end) if end else 0)


_CAUSES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Cause]], ...] = (
    (
        re.compile(
            r"arguments from the 'CUDA' backend|not compiled with CUDA enabled"
            r"|Found no NVIDIA driver|No CUDA GPUs are available|without ATen_cuda"
            r"|deserialize object on a? ?CUDA device"
            r"|(?:Cannot assign a device|Could not satisfy).*device:GPU:\d",
            re.DOTALL | re.IGNORECASE,
        ),
        _no_cuda,
    ),
    (
        re.compile(r"([\w.-]+):(\w+)\(-?\d+\) is not a registered function/op"),
        lambda match: _foreign(match[1], match[2]),
    ),
    (
        re.compile(r"No conversion rule found for operations: ([\w.]+)\.(\w+)"),
        lambda match: _foreign(match[1], match[2]),
    ),
    (
        re.compile(
            r"(?:Unknown builtin op: |Could not find schema for |Could not find any similar ops to "
            r"|No such operator )(\w+)::(\w+)"
        ),
        lambda match: _foreign(match[1], match[2]),
    ),
    (
        re.compile(r"'_OpNamespace' '(\w+)' object has no attribute '(\w+)'"),
        lambda match: _foreign(match[1], match[2]),
    ),
    (
        re.compile(
            r"Input type \((?:.*ByteTensor|unsigned char)\) and \w+ type "
            r"\((?:.*FloatTensor|float)\)"
            r"|must have the same dtype, but got Byte and Float"
        ),
        _pixels,
    ),
    (re.compile(r"Select TensorFlow op|custom op: Flex\w+"), _flex),
    (re.compile(r"Op type not registered '([^']+)'"), _unknown),
    (re.compile(r"unresolved custom op: (\w+)"), _unknown),
    (re.compile(r"No Op registered for (\w+) with domain_version"), _unknown),
    (re.compile(r"custom call to '?([\w.$@]+)'? for platform"), _unknown),
    (
        re.compile(r"idx=-?\d+ must be within the inclusive range \[-?\d+,\s*(\d+)\]"),
        _index,
    ),
    (
        re.compile(r"indices\[[\d,\s]*\] = -?\d+ is not in \[0,\s*(\d+)\)"),
        lambda match: Cause(index_limit=int(match[1]) - 1),
    ),
    (re.compile(r"index out of range in self|gather index out of bounds", re.IGNORECASE), _index),
)


def cause_of(text: str) -> Cause:
    """Look up what an error's text is about; an empty cause if that is not known here."""
    for pattern, cause in _CAUSES:
        if match := pattern.search(text):
            return cause(match)
    return Cause()
