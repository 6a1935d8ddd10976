"""The check of whether time grows with the batch."""

from types import SimpleNamespace

from infer.worker import finished_calls, messages


def test_time_grows_with_the_batch_though_single_calls_are_disturbed(monkeypatch):
    # Before anything is timed, then single and full in turn.
    taken = iter([0.5, 0.5, 0.02, 0.001, 0.5, 0.5, 0.02])
    batches = type("Batches", (list,), {"full": lambda self, index: {}})([{}])
    prepared = SimpleNamespace(
        model=None, batches=lambda batch: batches, timed=lambda inputs: (next(taken), {})
    )
    monkeypatch.setattr(finished_calls, "unfinished", lambda model, inputs, call_s: None)

    answer = finished_calls.check(prepared, messages.Check(batch=32))
    assert answer["seconds"] == {"1": 0.001, "32": 0.02}
