"""Overrides of a command line, ``NAME=VALUE``, read strictly before hydra reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from antlr4 import CommonTokenStream, InputStream
from hydra._internal.grammar.functions import Functions
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.overrides_visitor import HydraOverrideVisitor
from hydra.errors import HydraException
from hydra.grammar.gen.OverrideLexer import OverrideLexer
from hydra.grammar.gen.OverrideParser import OverrideParser

from autopart.errors import CommandLineError

_PAIRS: Final = {"{": "}", "[": "]", "(": ")"}
_QUOTED = "Fix: NAME=VALUE, in quotes of the shell where it has spaces or brackets: 'mesh.axes={data: 4, model: 2}'."


def check_overrides(overrides: Sequence[str]) -> None:
    """Checks that hydra can read them, and that it would lose nothing of them.

    Raises:
        CommandLineError: one is not of hydra's grammar, or has a dictionary that names a key twice, of which hydra
            would keep the last.
    """
    parser = OverridesParser.create()
    for override in overrides:
        try:
            named = parser.parse_override(override).key_or_group
        except HydraException as error:
            why = _unclosed(override) or _first_line(error)
            raise CommandLineError(f"the override {override!r} cannot be read: {why}. {_QUOTED}") from error
        if not named:
            raise CommandLineError(f"the override {override!r} names nothing. {_QUOTED}")
        for key in _keys_said_twice(_tree(override)):
            raise CommandLineError(f"{override}: found duplicate key {key}. Fix: name every key of a dictionary once.")


def _tree(override: str) -> Any:
    """The syntax tree of an override that hydra can read."""
    parser: Any = OverrideParser(CommonTokenStream(OverrideLexer(InputStream(override))))
    return parser.override()


def _keys_said_twice(tree: Any) -> Iterator[str]:
    children = [tree.getChild(number) for number in range(tree.getChildCount())]
    if isinstance(tree, OverrideParser.DictContainerContext):
        visitor, seen = HydraOverrideVisitor(Functions()), set[Any]()
        pairs = [child for child in children if isinstance(child, OverrideParser.DictKeyValuePairContext)]
        for pair in pairs:
            key = visitor.visitDictKey(pair.getChild(0))
            if key in seen:
                yield str(key)
            seen.add(key)
    for child in children:
        yield from _keys_said_twice(child)


def _unclosed(text: str) -> str:
    """The bracket or quote of an override that is never closed, or closes nothing, in words; empty if all pair."""
    expected, quote, before = list[tuple[str, str]](), "", ""
    for letter in text:
        if quote:
            quote = "" if letter == quote and before != "\\" else quote
        elif letter in "'\"" and before != "\\":
            quote = letter
        elif letter in _PAIRS:
            expected.append((letter, _PAIRS[letter]))
        elif letter in _PAIRS.values() and (not expected or expected.pop()[1] != letter):
            return f"'{letter}' closes nothing"
        before = letter
    if quote:
        return f"the quote {quote} is never closed"
    return f"'{expected[-1][0]}' is never closed" if expected else ""


def _first_line(error: Exception) -> str:
    """Of the grammar's own words, without the list of all tokens that it expected."""
    said = str(error).strip().partition("\n")[0].partition(" expecting ")[0]
    return "it has no '='" if said.startswith("missing EQUAL") else said
