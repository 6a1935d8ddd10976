"""One tree of exceptions, and what an outcome says of itself."""

import inspect

import pytest

from infer import errors, outcome
from infer.cli import main
from infer.errors import ExportbenchError, OptionError
from infer.exit_status import NOT_MEASURED, WRONG_USAGE
from infer.outcome import Failure, Outcome

CLASSES = [
    kind
    for module in (errors, outcome)
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == module.__name__
]


def test_every_error_is_of_one_tree():
    assert Failure in CLASSES
    assert all(issubclass(kind, ExportbenchError) for kind in CLASSES)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_the_command_line_shows_every_error_as_one_line(monkeypatch, capsys, kind):
    arguments = {Failure: (Outcome.CRASH, "it broke"), OptionError: ("batch", 0, "it broke")}
    error = kind(*arguments.get(kind, ("it broke",)))

    def fail(options):
        raise error

    monkeypatch.setattr(main.show, "run", fail)
    monkeypatch.setattr(main, "_COMMANDS", (main.show,))

    status = main.main(["show", "somewhere"])

    assert status == (NOT_MEASURED if kind in (Failure, errors.MeasurementError) else WRONG_USAGE)
    message = "--batch 0: it broke" if kind is OptionError else "it broke"
    assert capsys.readouterr().err == f"error: {message}\n"


def test_an_artifact_was_measured_if_it_has_outputs_and_times():
    measured = {Outcome.OK, Outcome.PARITY_FAIL, Outcome.NOT_JUDGED}
    assert {each for each in Outcome if each.was_measured} == measured
    assert {each for each in Outcome if each.is_about_outputs} == {
        Outcome.PARITY_FAIL,
        Outcome.NON_FINITE,
        Outcome.NOT_JUDGED,
    }
