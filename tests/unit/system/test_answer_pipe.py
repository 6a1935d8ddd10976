"""Pipes whose other end does not do as it should."""

import os
import threading
import time

import pytest

from infer.system.answer_pipe import AnswerPipe, EndlessAnswer, PipeEnded, UnaskedAnswer


class Ends:
    """Both ends of the pipes to a worker, and whether it has ended."""

    def __init__(self):
        reader, writer = os.pipe()
        answers, answering = os.pipe()
        self.requests, self.answering = os.fdopen(reader, "rb", 0), os.fdopen(answering, "wb", 0)
        self.sent, self.answers = os.fdopen(writer, "wb", 0), os.fdopen(answers, "rb", 0)
        self.ended = False
        self.looked = 0
        self.pipe = AnswerPipe(self.sent, self.answers, lambda: self.ended)

    def send(self, line=b"request\n", limit_s=0.3):
        self.pipe.send(line, time.monotonic() + limit_s, self.look, 0.05)

    def receive(self, limit_s=0.3, longest=1 << 20):
        return self.pipe.receive(time.monotonic() + limit_s, longest, self.look, 0.05)

    def look(self):
        self.looked += 1

    def write(self, data, pause_s=0.0, times=1):
        """Write from a thread, until nobody reads any longer."""

        def writing():
            try:
                for _ in range(times):
                    self.answering.write(data)
                    time.sleep(pause_s)
            except (OSError, ValueError):
                pass

        threading.Thread(target=writing, daemon=True).start()


@pytest.fixture
def ends():
    made = Ends()
    yield made
    for end in (made.requests, made.answering, made.sent, made.answers):
        end.close()


def test_lines_go_to_and_fro(ends):
    ends.send()
    assert ends.requests.read(100) == b"request\n"
    ends.answering.write(b"ans")
    ends.write(b"wer\n")
    assert ends.receive(5) == b"answer"


def test_what_comes_bit_by_bit_ends_in_time_and_is_looked_at(ends):
    ends.write(b"x", 0.01, times=10**4)
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        ends.receive(0.5)
    assert time.monotonic() - begin < 3
    assert ends.looked >= 2


def test_what_comes_fast_and_without_end_is_cut(ends):
    ends.write(b"x" * 65536, times=10**6)
    with pytest.raises(EndlessAnswer):
        ends.receive(20, longest=8 << 20)


def test_a_request_that_nobody_reads_ends_in_time(ends):
    with pytest.raises(TimeoutError):
        ends.send(b"x" * (1 << 20) + b"\n")
    assert ends.looked


def test_an_answer_that_nobody_asked_for_is_seen(ends):
    ends.answering.write(b"first\nsecond\n")
    assert ends.receive() == b"first"
    with pytest.raises(UnaskedAnswer):
        ends.send()


def test_an_end_is_seen_though_a_child_keeps_the_pipe_open(ends):
    ends.answering.write(b"last words")
    ends.ended = True
    with pytest.raises(PipeEnded):
        ends.receive(20)


def test_a_pipe_that_is_closed_has_ended(ends):
    ends.answering.close()
    with pytest.raises(PipeEnded):
        ends.receive(20)
    with pytest.raises(PipeEnded):
        ends.send()
