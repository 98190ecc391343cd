"""The record of a search: every state that it evaluated and every edge that it went along, as flat arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autopart.search.errors import SearchError
from autopart.search.extras import extra
from autopart.search.tree.files import read_arrays, write_arrays
from autopart.search.tree.page import TreePage, framed

if TYPE_CHECKING:
    import networkx as nx

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Keys = npt.NDArray[np.uint64]

_DTYPES: Mapping[str, str] = {
    "keys": "u8", "metrics": "f8", "own": "f8", "mean": "f8", "best": "f8", "visits": "i4", "depth": "i4",
    "legal": "i4", "found_by": "i4", "edge_parent": "i4", "edge_child": "i4", "edge_action": "i4",
    "edge_prior": "f4", "edge_visits": "i4", "path": "i4",
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class SearchTree:
    """The graph that a search walked: N states in the order in which they were evaluated, the root first, and E edges.

    State number n was the (n+1)-th simulation. Edges stand in the order of their parents. Edges that were never
    walked are not kept, only how many actions there were. In a notebook it shows itself.

    Attributes:
        metric_names: names of the M metrics, with their units.
        goals: (metric, limit) in order of importance; no limit: as small as may be.
        labels, details: what an action is called, and what it does, by the number that edges hold.
        seeds: (name, state) of what the search started from.
        keys: u64 [N], hash of each state.
        metrics: f64 [N, M].
        own, mean, best: f64 [N], values in [0, 1] of the state itself, and of all that lies behind it.
        visits: i32 [N], 1 + those of the edges.
        depth: i32 [N], fewest actions from the root.
        legal: i32 [N], how many actions were legal, -1 where nobody asked.
        found_by: i32 [N], the edge by which the state was found, -1 for the root.
        edge_parent, edge_child, edge_action, edge_visits: i32 [E].
        edge_prior: f32 [E].
        path: i32, the edges from the root to the best answer.
    """

    metric_names: tuple[str, ...]
    goals: tuple[tuple[str, float | None], ...]
    labels: tuple[str, ...]
    details: tuple[str, ...]
    seeds: tuple[tuple[str, int], ...]
    keys: Keys
    metrics: Floats
    own: Floats
    mean: Floats
    best: Floats
    visits: Ints
    depth: Ints
    legal: Ints
    found_by: Ints
    edge_parent: Ints
    edge_child: Ints
    edge_action: Ints
    edge_prior: npt.NDArray[np.float32]
    edge_visits: Ints
    path: Ints

    def __len__(self) -> int:
        """Return the number of states."""
        return len(self.keys)

    def __repr__(self) -> str:
        """Return the numbers of states and edges."""
        edges = len(self.edge_child)
        return f"SearchTree({len(self)} state{'s' * (len(self) != 1)}, {edges} edge{'s' * (edges != 1)})"

    @property
    def best_state(self) -> int:
        """The number of the best answer."""
        return int(self.edge_child[self.path[-1]]) if len(self.path) else 0

    @cached_property
    def edge_ptr(self) -> Ints:
        """Where the edges of each state begin, i32 [N + 1]."""
        counts = np.bincount(self.edge_parent, minlength=len(self))
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)

    def way_to(self, state: int) -> tuple[int, ...]:
        """Return the edges along which a state was found, from the root."""
        way: list[int] = []
        while (edge := int(self.found_by[state])) >= 0:
            way.append(edge)
            state = int(self.edge_parent[edge])
        return tuple(reversed(way))

    def actions_to(self, state: int) -> tuple[str, ...]:
        """Return what the actions do that lead to a state, in order: the state in words."""
        return tuple(self.details[self.edge_action[edge]] for edge in self.way_to(state))

    def to_networkx(self) -> "nx.MultiDiGraph[int]":
        """Return the states as nodes and the edges between them, with all that is known of both as attributes."""
        import networkx as nx  # It takes a tenth of a second, for which who asks for no graph need not wait.

        graph: nx.MultiDiGraph[int] = nx.MultiDiGraph()
        columns = {name: column.tolist() for name, column in self._columns().items()}
        for state in range(len(self)):
            graph.add_node(state, **{name: column[state] for name, column in columns.items()})
        for parent, child, action, prior, visits in zip(
            self.edge_parent.tolist(), self.edge_child.tolist(), self.edge_action.tolist(),
            self.edge_prior.tolist(), self.edge_visits.tolist(), strict=True,
        ):  # fmt: skip
            graph.add_edge(parent, child, action=self.labels[action], prior=prior, visits=visits)
        return graph

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` with a row a state, and how it was found: parent, action, prior.

        Raises SearchError where pandas is not installed.
        """
        with extra("notebooks", "to_pandas()"):
            import pandas as pd
        frame = pd.DataFrame(self._columns())
        found, rows = self.found_by[1:], slice(1, None)
        parent, prior = np.full(len(self), -1, np.int32), np.full(len(self), np.nan, np.float32)
        parent[rows], prior[rows] = self.edge_parent[found], self.edge_prior[found]
        frame["parent"], frame["prior"] = parent, prior
        frame["action"] = ["", *(self.labels[action] for action in self.edge_action[found].tolist())]
        frame["on_path"] = np.isin(np.arange(len(self)), [0, *self.edge_child[self.path].tolist()])
        frame.index.name = "state"
        return frame

    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        """What is known of states: their own figures by name, then the metrics."""
        own = {name: getattr(self, name) for name in ("visits", "depth", "mean", "best", "legal")}
        metrics = {name: self.metrics[:, column] for column, name in enumerate(self.metric_names)}
        return {"value": self.own, **own, **metrics}

    def save(self, path: str | Path) -> None:
        """Write the record to a file, at once or not at all; the same search gives the same bytes.

        Raises SearchError where it cannot be written.
        """
        arrays = {name: np.asarray(getattr(self, name), kind) for name, kind in _DTYPES.items()}
        write_arrays(Path(path), self._header(), arrays)

    @classmethod
    def load(cls, path: str | Path) -> "SearchTree":
        """Read a record that `save` wrote.

        Raises SearchError: there is none, or it is damaged, of another kind or of another version.
        """
        header, arrays = read_arrays(Path(path))
        try:
            made = cls(**_plain(header), **_typed(arrays))
            made._check()
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise SearchError(f"{path} is damaged: {error}. Fix: search again.") from error
        return made

    def explorer(self) -> TreePage:
        """Return what shows the record in a page: a fragment for a page of others, or a page of its own."""
        columns: dict[str, npt.NDArray[Any]] = {
            "own": self.own, "mean": self.mean, "best": self.best, "metrics": self.metrics.T, "visits": self.visits,
            "legal": self.legal, "foundBy": self.found_by, "edgePtr": self.edge_ptr,
            "edgeParent": self.edge_parent, "edgeChild": self.edge_child, "edgeAction": self.edge_action,
            "edgePrior": self.edge_prior, "edgeVisits": self.edge_visits, "path": self.path,
        }  # fmt: skip
        return TreePage(self._header(), columns)

    def _repr_html_(self) -> str:
        """Return the explorer in a frame, which notebooks show."""
        return framed(self.explorer().page("Search tree"))

    def _header(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _DTYPES}

    def _check(self) -> None:
        """Raise ValueError unless the arrays fit together."""
        states, edges = len(self.keys), len(self.edge_child)
        of_states = ("own", "mean", "best", "visits", "depth", "legal", "found_by")
        lengths = dict.fromkeys(of_states, states) | {name: edges for name in _DTYPES if name.startswith("edge_")}
        wrong = [name for name, length in lengths.items() if getattr(self, name).shape != (length,)]
        if self.metrics.shape != (states, len(self.metric_names)):
            wrong.append("metrics")
        if wrong or not states or len(self.labels) != len(self.details):
            raise ValueError(f"these are of other lengths than the rest: {', '.join(wrong) or 'labels, details'}")
        seeds = np.array([state for _, state in self.seeds], np.int64)
        _within("edge_parent", self.edge_parent, states)
        _within("edge_child", self.edge_child, states)
        _within("edge_action", self.edge_action, len(self.labels))
        _within("path", self.path, edges)
        _within("seeds", seeds, states)
        _within("found_by", self.found_by[1:], edges)
        self._check_ways()

    def _check_ways(self) -> None:
        """Raise ValueError unless edges stand in order, and lead from the root to every state and to the best."""
        found, later = self.found_by[1:], np.arange(1, len(self))
        if np.any(np.diff(self.edge_parent) < 0) or not self._is_chain(self.path):
            raise ValueError("the edges do not hang together")
        if (
            self.found_by[0] != -1
            or np.any(self.edge_child[found] != later)
            or np.any(self.edge_parent[found] >= later)
        ):
            raise ValueError("a state was not found by its edge")

    def _is_chain(self, edges: Ints) -> bool:
        parents, children = self.edge_parent[edges], self.edge_child[edges]
        return not len(edges) or (int(parents[0]) == 0 and bool(np.all(parents[1:] == children[:-1])))


def _within(name: str, numbers: npt.NDArray[Any], count: int) -> None:
    if numbers.ndim != 1 or (len(numbers) and not 0 <= numbers.min() <= numbers.max() < count):
        raise ValueError(f"{name} points outside")


def _typed(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """The arrays of a record, of the element types that they should have."""
    for name, kind in _DTYPES.items():
        if arrays[name].dtype != np.dtype(kind):
            raise TypeError(f"{name} holds {arrays[name].dtype} where {np.dtype(kind)} belongs")
    return {name: arrays[name] for name in _DTYPES}


def _plain(header: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are no arrays, checked."""
    texts = {name: tuple(_text(text) for text in header[name]) for name in ("metric_names", "labels", "details")}
    goals = tuple((_text(metric), None if limit is None else float(limit)) for metric, limit in header["goals"])
    return {**texts, "goals": goals, "seeds": tuple((_text(name), int(state)) for name, state in header["seeds"])}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value
