"""The record of a search says what the search saw, whichever way it is read."""

from __future__ import annotations

import builtins
import contextlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autopart.search import STRATEGIES, Budget, SearchError, SearchTree, make_strategy, tree_of
from tests.search.trees import METRICS, game, goals, searched


def same(one: SearchTree, other: SearchTree) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in SearchTree.__dataclass_fields__)


def test_states_stand_in_the_order_in_which_they_were_evaluated() -> None:
    result, tree = searched()
    nodes = list(result.graph.nodes.values())
    assert len(tree) == result.nodes == 200
    assert tree.keys.tolist() == list(result.graph.nodes)
    assert tree.visits.tolist() == [node.visits for node in nodes]
    assert tree.metrics.tolist() == [list(node.metrics) for node in nodes]
    for column in ("own", "mean", "best"):
        assert getattr(tree, column).tolist() == [getattr(node, column) for node in nodes]
    assert tree.legal.tolist() == [len(node.actions) if node.expanded else -1 for node in nodes]


def test_one_state_is_no_states() -> None:
    _, tree = searched()
    for states, edges, words in ((1, 0, "1 state, 0 edges"), (2, 1, "2 states, 1 edge")):
        assert (
            repr(replace(tree, keys=tree.keys[:states], edge_child=tree.edge_child[:edges])) == f"SearchTree({words})"
        )


def test_edges_are_those_that_were_walked() -> None:
    result, tree = searched()
    number = {key: state for state, key in enumerate(result.graph.nodes)}
    walked = [
        (number[node.key], number[child], action, prior, visits)
        for node in result.graph.nodes.values()
        for child, action, prior, visits in zip(
            node.children, node.actions, node.priors.tolist(), node.edge_visits.tolist(), strict=True
        )
        if child is not None
    ]
    assert len(walked) == len(tree) - 1 + result.transpositions > len(tree)
    assert tree.edge_parent.tolist() == [row[0] for row in walked]
    assert tree.edge_child.tolist() == [row[1] for row in walked]
    assert [tree.labels[a] for a in tree.edge_action] == [f"option {row[2]}" for row in walked]
    assert tree.edge_prior == pytest.approx([row[3] for row in walked])
    assert tree.edge_visits.tolist() == [row[4] for row in walked]
    begun = [sum(row[0] < state for row in walked) for state in range(len(tree) + 1)]
    assert tree.edge_ptr.tolist() == begun


def test_a_state_in_words_leads_to_the_state() -> None:
    _, tree = searched()
    for state in range(0, len(tree), 7):
        played = game()
        for text in tree.actions_to(state):
            played.apply(int(text.removeprefix("do(option ").removesuffix(")")))
        assert played.key() == tree.keys[state]
        assert tree.depth[state] == len(played.trail)  # Here every way to a state is equally long.


def test_the_path_is_that_of_the_best_answer() -> None:
    result, tree = searched()
    assert [tree.labels[tree.edge_action[e]] for e in tree.path] == [f"option {a}" for a in result.best_actions]
    assert tree.keys[tree.best_state] == result.best_key
    assert tree.goals == (("size_bytes", 8.0 * 2**20), ("time_s", None))


def test_seeds_are_the_states_to_which_they_led() -> None:
    result, tree = searched()
    assert [name for name, _ in tree.seeds] == ["nothing", "pair", "wrong"]
    for (_, state), outcome in zip(tree.seeds, result.seeds, strict=True):
        assert tuple(tree.metrics[state]) == outcome.metrics


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "ilp"])  # That one plays other games.
def test_every_strategy_leaves_a_record(name: str) -> None:
    played, wanted = game(2, 4), goals()
    result = make_strategy(name, seed=3).run(played, wanted, Budget(simulations=60))
    tree = tree_of(result, wanted, played.describe)
    assert len(tree) == result.nodes
    assert tree.keys[tree.best_state] == result.best_key
    assert set(tree.details) == set(tree.labels)


def test_networkx_gets_states_and_edges() -> None:
    _, tree = searched()
    graph = tree.to_networkx()
    assert (len(graph), graph.number_of_edges()) == (len(tree), len(tree.edge_child))
    assert graph.nodes[3]["visits"] == tree.visits[3]
    assert graph.nodes[3]["time_s"] == tree.metrics[3, 1]
    assert sum(d["visits"] for _, _, d in graph.out_edges(0, data=True)) == tree.visits[0] - 1


def test_pandas_gets_a_row_a_state() -> None:
    _, tree = searched()
    frame = tree.to_pandas()
    assert len(frame) == len(tree)
    assert {"value", "visits", "depth", "parent", "prior", "action", "on_path", *METRICS} <= set(frame.columns)
    assert frame.loc[0, "parent"] == -1
    assert frame.loc[0, "action"] == ""
    assert frame.loc[9, "action"] == tree.labels[tree.edge_action[tree.way_to(9)[-1]]]
    assert frame["on_path"].sum() == len(tree.path) + 1
    assert frame["value"].idxmax() in frame.index[frame["time_s"] == frame.loc[tree.best_state, "time_s"]]


def test_without_pandas_the_fix_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SearchError, match=r"to_pandas\(\) takes pandas, .*autopart\[notebooks\]"):
        searched()[1].to_pandas()


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    _, tree = searched()
    tree.save(tmp_path / "new" / "tree.npz")
    assert same(SearchTree.load(tmp_path / "new" / "tree.npz"), tree)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["tree.npz"]


def test_the_same_search_gives_the_same_bytes(tmp_path: Path) -> None:
    _, tree = searched()
    tree.save(tmp_path / "a.npz")
    tree.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_numpy_reads_the_file_without_pickles(tmp_path: Path) -> None:
    _, tree = searched()
    tree.save(tmp_path / "tree.npz")
    with np.load(tmp_path / "tree.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["visits"], tree.visits)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="no search tree at"):
        SearchTree.load(tmp_path / "tree.npz")


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SearchError, match="cannot write"):
        searched()[1].save(tmp_path / "file" / "tree.npz")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 but short"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tree.npz").write_bytes(content)
    with pytest.raises(SearchError, match="damaged, or no search tree"):
        SearchTree.load(tmp_path / "tree.npz")


def test_another_archive_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "tree.npz", visits=np.arange(3))
    with pytest.raises(SearchError, match="is no search tree"):
        SearchTree.load(tmp_path / "tree.npz")


def test_every_cut_and_every_changed_part_is_noticed(tmp_path: Path) -> None:
    _, tree = searched()
    path = tmp_path / "tree.npz"
    tree.save(path)
    whole = path.read_bytes()
    for at in range(50, len(whole), len(whole) // 23):
        path.write_bytes(whole[:at])
        with pytest.raises(SearchError):
            SearchTree.load(path)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        with contextlib.suppress(SearchError):
            assert same(SearchTree.load(path), tree)  # Zip holds some bytes that nobody reads.


def rewritten(path: Path, changes: dict[str, Any]) -> None:
    """Writes the record of a search with some of its parts replaced; ``None``: left out."""
    searched()[1].save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(parts.pop("header.json")) | {k: v for k, v in changes.items() if not isinstance(v, np.ndarray)}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", json.dumps(header))
        for name, content in parts.items():
            array = changes.get(name.removesuffix(".npy"))
            if isinstance(array, np.ndarray):
                with archive.open(name, "w") as file:
                    np.lib.format.write_array(file, array)
            else:
                archive.writestr(name, content)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 99}, "version 99"),
        ({"format": "other"}, "is no search tree"),
        ({"labels": [1, 2]}, "is not a text"),
        ({"labels": ["one"]}, "labels, details"),
        ({"goals": [["time_s"]]}, "damaged"),
        ({"seeds": [["pair", 10_000]]}, "seeds points outside"),
        ({"metric_names": ["time_s"]}, "than the rest: metrics"),
        ({"visits": np.ones(3, np.int32)}, "than the rest: visits"),
        ({"visits": np.ones(200, np.float64)}, "visits holds float64 where int32"),
        ({"visits": np.array([object()])}, "Object arrays cannot be loaded"),
        ({"path": np.array([-1], np.int32)}, "path points outside"),
        ({"path": np.array([150, 3], np.int32)}, "do not hang together"),
        ({"found_by": np.zeros(200, np.int32)}, "not found by its edge"),
        ({"found_by": np.array([-1] + [0] * 199, np.int32)}, "not found by its edge"),
    ],
)
def test_a_part_that_does_not_fit_is_told(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    rewritten(tmp_path / "tree.npz", changes)
    with pytest.raises(SearchError, match=message):
        SearchTree.load(tmp_path / "tree.npz")
