"""Cards that a double of the driver's library tells of, and the line that a wrong usage ends in."""

from infer.measure.devices import RuntimeEnvironment

ONE = "GPU-11111111-1111-1111-1111-111111111111"
TWO = "GPU-22222222-2222-2222-2222-222222222222"
FAKE = {"a": RuntimeEnvironment("fake"), "b": RuntimeEnvironment("fake")}


def line_of(done):
    """The one line that a wrong usage ends in."""
    assert done.status == 2
    assert done.err.count("\n") == 1
    return done.err
