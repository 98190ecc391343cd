"""Reader, judge and command line."""

import json
from itertools import product
from pathlib import Path

import pytest

from autopart.benchmarks.strategy_graph.__main__ import main
from autopart.benchmarks.strategy_graph.document import DocumentError, read, write
from autopart.benchmarks.strategy_graph.generate import generate
from autopart.search.highs import solve


def test_what_is_written_is_read_and_costs_the_same(tmp_path: Path) -> None:
    graph = generate(6, 3, 0.4, 1)
    write(graph, tmp_path / "g.json")
    again = read(tmp_path / "g.json")
    for choice in product(range(3), repeat=6):
        assert again.cost(choice) == graph.cost(choice)


def test_parallel_edges_add_up_whichever_way_they_point(tmp_path: Path) -> None:
    edges = [[0, 1, [[1, 2, 3], [4, 5, 6]]], [1, 0, [[10, 40], [20, 50], [30, 60]]]]
    (tmp_path / "g.json").write_text(json.dumps({"nodes": [[0, 0], [0, 0, 0]], "edges": edges}))
    graph = read(tmp_path / "g.json")
    assert len(graph.edges) == 1
    assert graph.cost([1, 2]) == 66


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "must be an object"),
        ({"nodes": [], "edges": []}, "no nodes"),
        ({"nodes": [[1, -2]], "edges": []}, r"nodes\[0\]: a cost of -2"),
        ({"nodes": [["a"]], "edges": []}, r"nodes\[0\]: costs must be numbers"),
        ({"nodes": [[1], [1]], "edges": [[0, 2, [[1]]]]}, r"edges\[0\]: 2 is no node"),
        ({"nodes": [[1], [1]], "edges": [[0, 0, [[1]]]]}, "joins node 0 to itself"),
        ({"nodes": [[1], [1]], "edges": [[0, 1, [[1, 2]]]]}, r"costs of shape \(1, 2\)"),
        ({"nodes": [[1], [1]], "edges": [[0, 1]]}, r"must be \[i, j, \[\[cost\]\]\]"),
    ],
)
def test_what_is_no_strategy_graph_is_refused(tmp_path: Path, document: object, message: str) -> None:
    (tmp_path / "g.json").write_text(json.dumps(document))
    with pytest.raises(DocumentError, match=message):
        read(tmp_path / "g.json")


@pytest.mark.parametrize("seed", range(3))
def test_the_judge_finds_the_optimum(seed: int) -> None:
    graph = generate(5, 3, 0.5, seed)
    found = solve(graph.tables())
    assert found.proven
    assert found.cost == min(graph.cost(choice) for choice in product(range(3), repeat=5))


def test_every_strategy_finds_the_optimum_of_a_small_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = "random,greedy,beam,annealing,evolution,mcts,exhaustive,ilp"
    file = str(tmp_path / "g.json")
    assert main([file, "--generate", "12,3,0.2,0", "--strategy", names, "--budget", "500", "--json"]) == 0
    answers = {answer["strategy"]: answer for answer in json.loads(capsys.readouterr().out)["answers"]}
    assert {name: answer["gap"] for name, answer in answers.items()} == dict.fromkeys(names.split(","), 0.0)
    assert answers["exhaustive"]["proven"]
    assert answers["ilp"]["proven"]


@pytest.mark.parametrize("extra", [["--strategy", "oracle"], ["--option", "width"], ["--generate", "3,2"]])
def test_mistakes_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str]) -> None:
    write(generate(3, 2, 0.5, 0), tmp_path / "g.json")
    assert main([str(tmp_path / "g.json"), *extra]) == 2
    assert "error: " in capsys.readouterr().err
