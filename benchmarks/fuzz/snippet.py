"""A failing trial as a test that stands alone."""

from __future__ import annotations

from autopart.benchmarks.fuzz.program import IMPORTS
from autopart.benchmarks.fuzz.trial import Trial
from autopart.sharding.propagate import ATOMIC, TILE

_KINDS = {TILE: "TILE", ATOMIC: "ATOMIC"}
_TEMPLATE = '''\
{imports}

from autopart.sharding.propagate import ATOMIC, TILE
from autopart.benchmarks.fuzz.judge import fault, subject_of
from autopart.benchmarks.fuzz.states import problem_on, state_of


{source}


def test_fuzz() -> None:
    """{verdict}"""
    args = (
{arguments}
    )
    case = subject_of(step, args, donate_argnums={donated})
    rows = [{rows}]  # kind, op, factor, axis
    assert fault(state_of(problem_on(case.graph, {axes}), rows), case) == ""
'''


def snippet(trial: Trial, verdict: str = "") -> str:
    """Python that fails as the trial does; to be run by pytest on 8 host devices."""
    program = trial.program
    arguments = [f"        {i.draw},  # {i.name}" for i in program.inputs]
    rows = [f"({_KINDS[kind]}, {op}, {factor}, {axis})" for kind, op, factor, axis in trial.rows]
    return _TEMPLATE.format(
        imports="\n".join(IMPORTS),
        source=program.source,
        verdict=verdict.replace('"""', "'''").replace("\\", "\\\\"),
        arguments="\n".join(arguments),
        donated=program.donate_argnums,
        rows=", ".join(rows),
        axes=trial.axes,
    )
