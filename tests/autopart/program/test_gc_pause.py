"""The garbage collector is paused and comes back, whatever happens."""

from __future__ import annotations

import gc

import pytest

from autopart.program.gc_pause import paused_collection


def test_paused_inside_and_back_after_an_error() -> None:
    @paused_collection()
    def fails() -> None:
        assert not gc.isenabled()
        raise KeyError

    assert gc.isenabled()
    with pytest.raises(KeyError):
        fails()
    assert gc.isenabled()


def test_what_was_off_stays_off() -> None:
    with paused_collection():
        with paused_collection():
            pass
        assert not gc.isenabled()
