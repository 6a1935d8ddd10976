"""Processes that do not answer as they should."""

import os
import sys
import time

import pytest

from infer.codec import DecodeError
from infer.system.process_answer import AnswerTooLongError, answer_of


def answer(code, timeout_s=20.0, **how):
    return answer_of([sys.executable, "-I", "-S", "-c", code], timeout_s, **how)


def test_an_answer_is_taken_as_it_is():
    answered = answer("import sys; print('{\"a\": 1}'); sys.stderr.write('said'); sys.exit(3)")

    assert answered.decoded(dict[str, int], "it") == {"a": 1}
    assert (answered.status, answered.printed) == (3, b"said")
    assert answer("import os; os.kill(os.getpid(), 9)").status == -9


@pytest.mark.parametrize("text", ["", "{", "[]", '{\\"a\\": {}}', "[" * 10**4, "\\\\xff"])
def test_what_is_not_of_the_type_is_refused(text):
    with pytest.raises(DecodeError, match=r"^it: "):
        answer(f'import sys; sys.stdout.buffer.write(b"{text}")').decoded(dict[str, int], "it")


def test_what_does_not_end_in_time_is_ended():
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        answer("import time; print(1, flush=True); time.sleep(60)", 1.0)
    with pytest.raises(TimeoutError):
        answer("import os, time; os.closerange(0, 3); time.sleep(60)", 1.0)
    with pytest.raises(TimeoutError):
        answer("while True: print(1, flush=True)", 1.0, longest=1 << 40)
    assert time.monotonic() - begin < 30


def test_an_answer_without_end_is_cut():
    with pytest.raises(AnswerTooLongError):
        answer("while True: print('x' * 65536)", longest=1 << 20)


def test_what_is_printed_without_end_does_not_pile_up():
    answered = answer("import sys; [sys.stderr.write('x' * 65536) for _ in range(200)]; print(1)")

    assert len(answered.printed) <= 8192
    assert answered.output == b"1\n"


def test_a_child_that_keeps_the_pipes_does_not_keep_us(tmp_path):
    file = tmp_path / "pid"
    code = "import os, time; pid = os.fork(); pid or time.sleep(60); "
    code += f"open({str(file)!r}, 'w').write(str(pid))"

    begin = time.monotonic()
    assert answer(code).output == b""

    assert time.monotonic() - begin < 20
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(int(file.read_text()), 0)
            time.sleep(0.1)
