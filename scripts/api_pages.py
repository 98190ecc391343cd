"""Pages about Python names, written from the packages themselves: what each room is, and what it offers."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import autopart

BESIDE = ("search", "costmodel")
"""Packages that stand beside ``autopart`` in the repository, and are reached through it once it is installed."""


@dataclass(frozen=True)
class Offer:
    """What a package offers.

    Attributes:
        package: its dotted name.
        text: its docstring.
        public: names that a user takes from ``autopart`` itself.
        own: the other classes and functions that the package gathers for who extends it.
    """

    package: str
    text: str
    public: tuple[str, ...]
    own: tuple[str, ...]

    @property
    def title(self) -> str:
        """First sentence of the docstring."""
        return self.text.split("\n\n")[0].replace("\n", " ").rstrip(".")

    @property
    def page(self) -> str:
        """Name of its page, without suffix."""
        return self.package.replace(".", "_")


def offers() -> tuple[Offer, ...]:
    """Every room and the names that it offers, in the order of their names; those at the front door come first."""
    homes = _homes()
    names = [*_rooms(), *sorted(set(homes.values()) - set(_rooms()))]
    found = []
    for package in names:
        module = importlib.import_module(package)
        public = tuple(name for name, home in homes.items() if home == package)
        gathered = [name for name in getattr(module, "__all__", ()) if not _is_public(module, name)]
        own = tuple(name for name in gathered if _is_told(getattr(module, name)))
        found.append(Offer(package, inspect.cleandoc(module.__doc__ or ""), public, own))
    return tuple(offer for offer in found if offer.text)


def _is_public(module: ModuleType, name: str) -> bool:
    """Whether a name of a room is one of ``autopart`` itself."""
    return name in autopart.__all__ and getattr(autopart, name) is getattr(module, name)


def _is_told(thing: object) -> bool:
    """Whether a name of a room gets a place on its page: our classes and functions, not constants and aliases."""
    ours = str(getattr(thing, "__module__", "")).startswith(f"{autopart.__name__}.")
    return ours and (inspect.isclass(thing) or inspect.isfunction(thing) or inspect.ismodule(thing))


def _rooms() -> list[str]:
    """Packages below ``autopart`` and beside it that hold an idea of their own."""
    inside = [f"autopart.{found.name}" for found in pkgutil.iter_modules(autopart.__path__) if found.ispkg]
    beside = [name for name in BESIDE if f"autopart.{name}" not in inside]
    settings = ("autopart.configs", "autopart.benchmarks")  # Data, and what is measured: no library.
    return [*(name for name in inside if name not in settings), *beside]


def _homes() -> dict[str, str]:
    """Public name -> the room that it comes from, as ``autopart/__init__.py`` says; its module where it has no room."""
    rooms = _rooms()
    tree = ast.parse(Path(inspect.getfile(autopart)).read_text(encoding="utf-8"))
    modules = {
        alias.asname or alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    found = {}
    for name in autopart.__all__:
        module = str(modules.get(name) or getattr(getattr(autopart, name), "__module__", autopart.__name__))
        found[name] = next((room for room in rooms if f"{module}.".startswith(f"{room}.")), module)
    return found


def pages() -> Mapping[str, str]:
    """Path below the documentation -> text: an index, and a page for each room."""
    found = offers()
    return {"api/index.md": _index(found), **{f"api/{offer.page}.md": _page(offer) for offer in found}}


def _index(found: tuple[Offer, ...]) -> str:
    front = [offer for offer in found if offer.public]
    lines = ["# Python names", "", "## What `autopart` offers", ""]
    lines += ["Everything here is `autopart.NAME`. Grouped by the room that it comes from.", ""]
    lines += ["| room | names |", "|---|---|"]
    for offer in front:
        names = ", ".join(f"{{any}}`{name} <autopart.{name}>`" for name in offer.public)
        lines.append(f"| [{offer.title}]({offer.page}.md) | {names} |")
    lines += ["", "## Rooms", "", "| room | what it is |", "|---|---|"]
    lines += [f"| [`{offer.package}`]({offer.page}.md) | {offer.title} |" for offer in found]
    lines += ["", "```{toctree}", ":hidden:", *(offer.page for offer in found), "```", ""]
    return "\n".join(lines)


def _page(offer: Offer) -> str:
    lines = [f"# `{offer.package}`", "", "```{eval-rst}", offer.text, "```", ""]
    if offer.public:
        lines += ["## As `autopart.NAME`", "", *_described("autopart", offer.public)]
    if offer.own:
        lines += [
            "## For who extends it",
            "",
            f"Names of `{offer.package}`.",
            "",
            *_described(offer.package, offer.own),
        ]
    return "\n".join(lines)


def _described(package: str, names: tuple[str, ...]) -> Iterator[str]:
    """Directives for names, classes with what is in them."""
    module = importlib.import_module(package)
    yield "```{eval-rst}"
    for name in names:
        thing = getattr(module, name)
        if inspect.isclass(thing):
            yield f".. autoclass:: {package}.{name}\n   :members:\n"
        elif callable(thing):
            yield f".. autofunction:: {package}.{name}\n"
        elif inspect.ismodule(thing):
            yield f".. py:module:: {package}.{name}\n   :no-index:\n"
        else:
            yield f".. autodata:: {package}.{name}\n   :no-value:\n"
    yield "```"
    yield ""
