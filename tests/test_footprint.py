"""What is installed for a runtime."""

from importlib.metadata import distribution
from pathlib import Path

from infer.footprint import installed_bytes


def test_needs_are_counted_with_what_they_need():
    found = installed_bytes(["scikit-learn"])

    assert {"scikit-learn", "scipy", "numpy", "joblib"} <= found.keys()
    assert found["numpy"] > 1e6


def test_a_distribution_is_counted_once_under_one_name():
    assert installed_bytes(["NumPy", "numpy"]).keys() == {"numpy"}


def test_bytes_are_those_of_its_files():
    files = distribution("packaging").files
    total = sum(Path(str(file.locate())).stat().st_size for file in files)

    assert installed_bytes(["packaging"])["packaging"] == total


def test_what_is_not_installed_is_left_out():
    assert installed_bytes(["there-is-no-such-distribution"]) == {}


def test_extras_are_not_what_a_distribution_needs():
    assert "pytest" not in installed_bytes(["numpy"])
