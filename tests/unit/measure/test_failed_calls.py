"""What is said of given whole numbers that are out of the range of a table."""

from types import SimpleNamespace

import pytest

from infer.measure import failed_calls
from infer.outcome import Failure, Outcome


@pytest.mark.parametrize(("limit", "takes"), [(4, ", which takes i=0:4"), (0, "")])
def test_the_range_is_named_only_if_the_runtime_tells_it(monkeypatch, limit, takes):
    monkeypatch.setattr(failed_calls, "index_ranges", lambda path, most: [f"i=0:{most}"])
    context = SimpleNamespace(plan=SimpleNamespace(random=None), inputs={"m": "x.npz"})
    failure = Failure(Outcome.CRASH, "gather index out of bounds", index_limit=limit)
    with pytest.raises(Failure, match=f"of a table{takes}; the runtime said: gather"):
        failed_calls._check_indices(context, "m", {}, failure)
