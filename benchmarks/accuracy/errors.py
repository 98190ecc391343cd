"""Errors of the accuracy benchmark."""

from __future__ import annotations


class JudgeError(Exception):
    """A judge cannot be asked at all: it is not installed, or does not start. The message says what to do."""
