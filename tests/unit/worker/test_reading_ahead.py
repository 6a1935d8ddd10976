"""The inputs of the next call of a pass are read while the runtime calculates."""

import threading
import weakref

import numpy as np
import pytest

from infer.errors import InputError
from infer.worker.reading_ahead import read_ahead

LARGE, SMALL = 1 << 20, 1 << 10
BATCHES = [[0, 1], [2, 3], [4, 5], [6]]


def reader(size, started=None, bad=None):
    """Reads batches of some bytes; the arrays that are alive; the numbers of those read."""
    alive, numbers = weakref.WeakValueDictionary(), []

    def read(number, rows):
        numbers.append(number)
        if number == bad:
            raise InputError("not a number")
        array = np.full(size, rows[0], np.uint8)
        alive[number] = array
        if started:
            started[number].set()
        return {"x": array}

    return read, alive, numbers


@pytest.mark.parametrize("size", [LARGE, SMALL])
@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_batches_come_in_their_order_and_two_are_held(size, count):
    read, alive, numbers = reader(size)

    firsts = []
    for inputs in read_ahead(read, BATCHES[:count]):
        firsts.append(int(inputs["x"][0]))
        assert set(alive.keys()) <= {len(firsts) - 1, len(firsts)}

    assert firsts == [rows[0] for rows in BATCHES[:count]]
    assert numbers == list(range(count))


def test_the_next_is_read_meanwhile_where_it_is_large():
    started = [threading.Event() for _ in BATCHES]
    read, _, _ = reader(LARGE, started)

    for number, _ in enumerate(read_ahead(read, BATCHES)):
        assert all(event.wait(30) for event in started[: number + 2])


def test_small_ones_are_read_at_their_turn():
    read, _, numbers = reader(SMALL)

    for number, _ in enumerate(read_ahead(read, BATCHES)):
        assert numbers == list(range(number + 1))


@pytest.mark.parametrize("size", [LARGE, SMALL])
@pytest.mark.parametrize("bad", [0, 1, 2, 3])
def test_what_is_wrong_with_a_batch_is_told_at_its_turn(size, bad):
    read, _, _ = reader(size, bad=bad)
    firsts = []

    with pytest.raises(InputError, match="not a number"):
        for inputs in read_ahead(read, BATCHES):
            firsts.append(int(inputs["x"][0]))

    assert firsts == [rows[0] for rows in BATCHES[:bad]]
