"""What plug-ins declare: taken where it is right, refused in a line where it is not."""

from __future__ import annotations

import shutil
import sys
from datetime import timedelta

import pytest
from plugin_distribution import DECLARATION, write_distribution

from infer import plugins
from infer.formats.base import NOT_DECLARED
from infer.formats.content import Content


@pytest.fixture
def registered(tmp_path, monkeypatch):
    """Registers what is installed in a folder; the registries are as before after the test."""
    for registry in ("FORMATS", "RUNTIMES", "EXPORTERS"):
        monkeypatch.setattr(plugins, registry, dict(getattr(plugins, registry)))
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def register():
        plugins._read.cache_clear()
        tallies = [plugin for plugin in plugins.register.__wrapped__() if "tally" in plugin.file]
        assert not {name for name in set(sys.modules) - before if "tally" in name}
        return tallies

    return register


def problems(declared):
    return [plugin.problem for plugin in declared]


def test_all_that_is_known_of_a_format(registered, tmp_path):
    write_distribution(
        tmp_path,
        declaration=DECLARATION.replace(
            "executes_code = false",
            'executes_code = "it may"\nshelf_life_days = 30\nnames_functions = true',
        ),
    )

    assert problems(registered()) == ["", ""]
    known = plugins.FORMATS["tally"]
    assert (known.title, known.executes_code, known.names_functions) == ("Tally", "it may", True)
    assert known.shelf_life == timedelta(days=30)
    assert known.companions(tmp_path / "m.tally") == [tmp_path / "m.notes"]
    runtime = plugins.RUNTIMES["tally"]
    assert (runtime.formats, runtime.devices) == (("tally",), ("cpu",))
    assert runtime.install == "pip install exportbench-tally"
    assert runtime.external.file == tmp_path / "exportbench_tally" / "runtime.py"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", NOT_DECLARED),
        ("executes_code = true", NOT_DECLARED),
        ("executes_code = false", None),
        ('code_depends = "it depends"', None),
    ],
)
def test_whether_it_executes_code(registered, tmp_path, line, why):
    write_distribution(tmp_path, declaration=DECLARATION.replace("executes_code = false", line))

    registered()

    assert plugins.FORMATS["tally"].executes_code == why


@pytest.mark.parametrize(
    ("mark", "content", "shown"),
    [
        ('{ at = 4, bytes = "ET12" }', b"\0\0\0\0ET12...", True),
        ('{ at = 4, bytes = "ET12" }', b"ET12....", False),
        ('{ hex = "7767517" }', b"", None),
        ('{ hex = "89ff" }', b"\x89\xff and more", True),
        ('{ at = 9000, bytes = "x" }', b"", None),
        ("{ at = 3 }", b"", None),
        ('{ entry = "graph.nnef" }', b"PK", False),
    ],
)
def test_marks(registered, tmp_path, mark, content, shown):
    write_distribution(tmp_path, declaration=DECLARATION.replace('{ bytes = "TALLY1" }', mark))

    first, _ = registered()

    if shown is None:
        assert "marks" in first.problem and "tally" not in plugins.FORMATS
    else:
        (tmp_path / "file").write_bytes(content)
        assert plugins.FORMATS["tally"].has_marks(Content(tmp_path / "file")) is shown


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("contract = 1", "contract = 2", "is made for version 2 of the contract, this program has"),
        ("contract = 1", "", "is made for version None of the contract"),
        ("contract = 1", "contract = ", "not TOML"),
        ("contract = 1", "contract = 1\nx = " + "[" * 5000 + "]" * 5000, "not TOML"),
        ('title = "Tally"', 'title = "Tally"\nshelf_life_days = 999999999999', "<= 36500"),
        ('title = "Tally"', "", "missing required field `title`"),
        ('title = "Tally"', 'title = "Tally"\ncolour = "red"', "unknown field `colour`"),
        ('title = "Tally"', "title = 3", "Expected `str`, got `int`"),
        ('reader = "reader"', 'reader = "nothing"', "has no module nothing"),
        ('reader = "reader"', 'reader = "../reader"', "has no module ../reader"),
        ("[formats.tally]", "[formats.other]", "does not declare it"),
    ],
)
def test_a_format_is_refused_and_the_runtime_with_it(registered, tmp_path, old, new, reason):
    write_distribution(tmp_path, declaration=DECLARATION.replace(old, new))

    first, second = registered()

    assert reason in first.problem and "\n" not in first.refusal
    assert second.problem
    assert "tally" not in plugins.FORMATS and "tally" not in plugins.RUNTIMES


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('module = "runtime"', 'module = "nothing"', "has no module nothing"),
        ('formats = ["tally"]', 'formats = ["other"]', "takes the format 'other'"),
        ('package = "numpy"', 'package = "numpy.linalg"', "it must be a name without dots"),
        ('package = "numpy"', 'devices = ["tpu"]', "runs on tpu: cpu and cuda can be asked for"),
    ],
)
def test_a_runtime_is_refused_alone(registered, tmp_path, old, new, reason):
    write_distribution(tmp_path, declaration=DECLARATION.replace(old, new))

    first, second = registered()

    assert first.problem == "" and reason in second.problem
    assert "tally" in plugins.FORMATS and "tally" not in plugins.RUNTIMES


EXPORTER = """
contract = 1

[exporters.tally]
module = "runtime"
format = "onnx"
framework = "torch"
payload = "model.onnx"
needs = ["torch"]
install = "pip install exportbench-tally"
"""


def test_an_exporter(registered, tmp_path):
    write_distribution(tmp_path, entries={"exporters": ("tally",)}, declaration=EXPORTER)

    (plugin,) = registered()

    assert (plugin.kind, plugin.problem) == ("exporter", "")
    exporter = plugins.EXPORTERS["tally"]
    assert (exporter.format, exporter.payload, exporter.needs) == ("onnx", "model.onnx", ("torch",))
    assert exporter.external.file == tmp_path / "exportbench_tally" / "runtime.py"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('format = "onnx"', 'format = "other"', "writes the format 'other'"),
        ('framework = "torch"', 'framework = "caffe"', "Invalid enum value 'caffe'"),
        (
            'payload = "model.onnx"',
            'payload = "../model.onnx"',
            "it must be the name of one file or folder",
        ),
        ('payload = "model.onnx"', 'payload = ".."', "it must be the name of one file or folder"),
        ('module = "runtime"', 'module = "nothing"', "has no module nothing"),
    ],
)
def test_an_exporter_is_refused(registered, tmp_path, old, new, reason):
    declaration = EXPORTER.replace(old, new)
    write_distribution(tmp_path, entries={"exporters": ("tally",)}, declaration=declaration)

    (plugin,) = registered()

    assert reason in plugin.problem
    assert not plugins.EXPORTERS


def test_of_two_with_one_name_the_first_is_used(registered, tmp_path):
    write_distribution(tmp_path)
    write_distribution(tmp_path, name="exportbench-tally-again")

    declared = registered()

    assert [(p.distribution, p.kind, bool(p.problem)) for p in declared] == [
        ("exportbench-tally", "format", False),
        ("exportbench-tally-again", "format", True),
        ("exportbench-tally", "runtime", False),
        ("exportbench-tally-again", "runtime", True),
    ]
    assert "another has that name" in declared[1].problem


def test_the_names_of_ours_are_taken(registered, tmp_path):
    write_distribution(
        tmp_path,
        entries={"formats": ("onnx",)},
        declaration=DECLARATION.replace("[formats.tally]", "[formats.onnx]"),
    )

    (refused,) = registered()

    assert "another has that name" in refused.problem
    assert plugins.FORMATS["onnx"].title == "ONNX"


@pytest.mark.parametrize("value", ["exportbench_tally.inner", "exportbench_tally:load"])
def test_an_entry_point_names_a_package(registered, tmp_path, value):
    write_distribution(tmp_path)
    entries = tmp_path / "exportbench_tally-0.3.dist-info" / "entry_points.txt"
    entries.write_text(f"[exportbench.formats]\ntally = {value}\n")

    (refused,) = registered()

    assert "it must be the name of a package, without dots" in refused.problem


def test_a_package_that_is_gone(registered, tmp_path):
    write_distribution(tmp_path)
    (tmp_path / "exportbench_tally").rename(tmp_path / "elsewhere")

    assert {plugin.problem for plugin in registered()} == {
        "there is no package exportbench_tally; install it again"
    }


def test_a_file_of_the_cwd_does_not_stand_before_what_is_installed(
    registered, tmp_path, monkeypatch
):
    write_distribution(tmp_path)
    shadow = write_distribution(tmp_path / "other")
    shutil.rmtree(shadow / "exportbench_tally-0.3.dist-info")
    monkeypatch.chdir(shadow)
    monkeypatch.setattr(sys, "path", ["", *sys.path])

    declared = registered()

    assert {plugin.file for plugin in declared} == {
        str(tmp_path / "exportbench_tally" / "exportbench.toml")
    }
