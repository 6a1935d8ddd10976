from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LARGEST
from exportbench.errors import ArtifactError
from exportbench_executorch import reader

Made = Callable[[str], Path]


def test_a_program_of_another_version_is_refused(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "other.pte"
    path.write_bytes(made("two").read_bytes().replace(b"ET12", b"ET99", 1))
    with pytest.raises(ArtifactError, match=r"other\.pte: .* of the version ET99"):
        reader.describe(path)


def test_what_a_program_says(made: Made) -> None:
    description = reader.describe(made("two"))
    signature = description.signatures["forward"]
    assert [(spec.name, spec.shape) for spec in signature.inputs] == [
        ("input_0", (LARGEST, 4)),
        ("input_1", (LARGEST, 3)),
    ]
    assert description.weights == {"float32": 60}
    assert description.operators["xnnpack::fully_connected"] == 1
    assert description.operators["aten::amax.out"] == 1
    assert "up to those given, of input_0, input_1" in description.notes[0]
    assert description.precision.name == "float32"


def test_of_several_methods(made: Made) -> None:
    description = reader.describe(made("methods"))
    assert sorted(description.signatures) == ["decode", "encode"]
    assert description.operators["XnnpackBackend"] == 2


def test_weights_inside_of_xnnpack_are_told(made: Made) -> None:
    assert reader.describe(made("quantised")).precision.name == "int8"


def test_numbers_and_types_without_name_in_numpy(made: Made) -> None:
    assert reader.describe(made("number")).signatures["forward"].inputs[1].dtype == "int"
    assert reader.describe(made("bfloat16")).signatures["forward"].outputs[0].dtype == "bfloat16"


def test_parts_for_other_backends_may_be_code(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "other.pte"
    path.write_bytes(made("two").read_bytes().replace(b"XnnpackBackend", b"AnotherBackend"))
    assert reader.describe(path).executes_code == "it has parts for AnotherBackend"
    assert reader.describe(made("two")).executes_code is None


@pytest.mark.parametrize("name", ["two", "quantised", "counting"])
def test_damaged_files_end_as_such(made: Made, name: str, tmp_path: Path) -> None:
    whole = made(name).read_bytes()
    path = tmp_path / "damaged.pte"
    draw = random.Random(0)
    for _ in range(400):
        data = bytearray(whole)
        if draw.random() < 0.3:
            del data[draw.randrange(1, len(data)) :]
        for _ in range(draw.randrange(1, 6)):
            data[draw.randrange(len(data))] = draw.choice((0, 1, 127, 255, draw.randrange(256)))
        path.write_bytes(data)
        with contextlib.suppress(ArtifactError):
            reader.describe(path)
