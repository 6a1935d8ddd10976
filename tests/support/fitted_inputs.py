"""Inputs that are fitted to a signature, and the message where they do not."""

import numpy as np
import pytest

from infer.errors import InputError
from infer.inputs.fitting import fit_inputs

IMAGES = np.linspace(0, 1, 5 * 4 * 4 * 3, dtype=np.float32).reshape(5, 4, 4, 3)


def refused(call, file) -> str:
    """The message of the error, which is one line that names the file."""
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert str(file) in message
    assert "\n" not in message
    return message


def fit(*arguments, **how):
    """The arrays and the notes."""
    fitted = fit_inputs(*arguments, **how)
    return {name: np.asarray(array) for name, array in fitted.arrays.items()}, fitted.notes
