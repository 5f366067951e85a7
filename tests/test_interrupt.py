from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from bids_app import interrupt
from bids_app.interrupt import Interrupted, finishing


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in interrupt.SIGNALS}
    # What a shell starts in the background ignores SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    interrupt.listen(())
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "name", "code"),
    [
        (signal.SIGINT, "SIGINT", 130),
        (signal.SIGTERM, "SIGTERM", 143),
        (signal.SIGUSR1, "SIGUSR1", 138),
    ],
)
def test_a_signal_is_told_by_name_and_by_the_code_of_the_shell(
    number: signal.Signals, name: str, code: int
) -> None:
    interrupt.listen()
    with pytest.raises(Interrupted) as caught:
        signal.raise_signal(number)
    assert (str(caught.value), caught.value.exit_code) == (name, code)


def test_writes_end_first_also_those_within_writes() -> None:
    interrupt.listen()
    done: list[str] = []

    def write() -> None:
        with finishing():
            with finishing():
                signal.raise_signal(signal.SIGTERM)
                done.append("inner")
            signal.raise_signal(signal.SIGINT)
            done.append("outer")
        done.append("after")

    with pytest.raises(Interrupted, match="SIGTERM"):
        write()
    assert done == ["inner", "outer"]


def test_a_second_signal_does_not_break_what_the_first_set_going() -> None:
    interrupt.listen()
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)


def test_what_the_user_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupt.listen()
    signal.raise_signal(signal.SIGINT)


def test_other_threads_are_not_stopped() -> None:
    interrupt.listen()
    ended: list[bool] = []

    def write() -> None:
        with finishing():
            ended.append(True)

    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert ended == [True]
