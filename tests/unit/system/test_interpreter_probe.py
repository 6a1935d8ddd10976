"""Whether a package is installed, told without importing it."""

from __future__ import annotations

import pytest

from infer.system.interpreter_probe import is_here, look_up


@pytest.mark.parametrize(
    ("folder", "here"), [("site-packages", True), ("dist-packages", True), ("artifacts", False)]
)
def test_a_folder_without_init_counts_where_packages_are_installed(
    tmp_path, monkeypatch, folder, here
):
    (tmp_path / folder / "spread_package" / "inner").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / folder)

    assert is_here("spread_package") == here
    assert look_up(["spread_package", "json"], [])["missing"] == (
        [] if here else ["spread_package"]
    )


def test_a_module_counts_wherever_it_is(tmp_path, monkeypatch):
    (tmp_path / "single_module.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)

    assert is_here("single_module")
    assert not is_here("no_such_module")
