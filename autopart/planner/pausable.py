"""Calls that take turns: each has a thread of its own, and only one of them, or who tells them to go on, runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

ResultT = TypeVar("ResultT")


class DroppedError(Exception):
    """Raised within a call that is not to go on."""


class Turn(Generic[ResultT]):
    """A call that runs only while it is told to, and pauses where it says so itself.

    Attributes:
        done: whether it has returned or raised.
        dropped: whether it is to end rather than go on.
    """

    def __init__(self, call: Callable[[], ResultT]) -> None:
        self.done = False
        self.dropped = False
        self._call = call
        self._its_turn, self._our_turn = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._result: list[ResultT] = []
        self._error: BaseException | None = None

    def go_on(self) -> None:
        """Returns when it has paused or ended."""
        assert not self.done
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._its_turn.release()
        self._our_turn.acquire()

    def pause(self) -> None:
        """To be called within the call: returns when it is told to go on.

        Raises:
            DroppedError: it is not to.
        """
        self._our_turn.release()
        self._its_turn.acquire()
        if self.dropped:
            raise DroppedError

    def drop(self) -> None:
        """Ends a call that is paused, and leaves alone one that never began or is done."""
        self.dropped = True
        if self._thread.ident is not None and not self.done:
            self.go_on()

    def result(self) -> ResultT:
        """What the call returned; raises what it raised."""
        assert self.done
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _run(self) -> None:
        try:
            self._result.append(self._call())
        except DroppedError:
            pass  # Nobody asks for the result, and an error that is kept would keep all that the call held.
        except BaseException as error:  # Whoever asks for the result gets it.
            self._error = error
        finally:
            self.done = True
            self._our_turn.release()
