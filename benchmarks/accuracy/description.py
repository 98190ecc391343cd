"""A program in words: enough to rebuild it, and its plan, in another process."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias

import jax

from autopart.benchmarks.schedules import EXPERTS
from autopart.costmodel.mesh import Mesh
from autopart.costmodel.profile import Device
from autopart.partitioning.problem import Problem
from autopart.plan.plan import Plan, plan_of
from autopart.program.step import Step
from autopart.program.trace import trace_step
from autopart.tactics.as_json import from_json, to_json
from autopart.tactics.manual import Tactic

Field: TypeAlias = "int | float | bool | str"


@dataclass(frozen=True)
class Description:
    """A model, a mesh and a schedule; plain values, so that it can be sent to a judge as JSON.

    Attributes:
        name: what tables call it.
        model: a key of ``schedules.EXPERTS``.
        fields: keywords of the model's step, ``preset`` among them.
        mesh: the mesh, with the device that the estimates are for.
        tactics: the schedule.
    """

    name: str
    model: str
    fields: Mapping[str, Field]
    mesh: Mesh
    tactics: tuple[Tactic, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))

    def to_json(self) -> dict[str, Any]:
        """The description as plain JSON values."""
        return {
            "name": self.name,
            "model": self.model,
            "fields": dict(self.fields),
            "mesh": self.mesh.to_json(),
            "tactics": [to_json(tactic) for tactic in self.tactics],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Description:
        """The description that ``to_json`` wrote."""
        mesh, tactics = Mesh.from_json(document["mesh"]), tuple(from_json(t) for t in document["tactics"])
        return cls(document["name"], document["model"], document["fields"], mesh, tactics)

    def on(self, device: str | Device) -> Description:
        """The same program and schedule on devices of another kind."""
        mesh = Mesh(dict(self.mesh.axes), device, dict(self.mesh.links_by_axis))
        return Description(self.name, self.model, self.fields, mesh, self.tactics)

    @cached_property
    def step(self) -> Step:
        """The training or decoding step, abstract."""
        return EXPERTS[self.model][0](**self.fields)

    @cached_property
    def problem(self) -> Problem:
        """The traced program on the mesh; what has no rule is warned of elsewhere."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Problem.of(trace_step(self.step), self.mesh)

    def plan(self, device_mesh: Any = None) -> Plan:
        """The plan, to run on ``device_mesh`` or, without one, on this process's devices."""
        return plan_of(self.problem, self.tactics, device_mesh)


class Traces:
    """Traces once what is asked for in a row and differs in nothing but the schedule."""

    def __init__(self) -> None:
        self._last: Description | None = None

    def traced(self, program: Description) -> Description:
        """The program, with the trace of the one before it if that is the same."""
        last = self._last
        if last is not None and (last.model, last.fields, last.mesh) == (program.model, program.fields, program.mesh):
            vars(program).update(step=last.step, problem=last.problem)
        self._last = program
        return program


def placed(args: tuple[Any, ...], plan: Plan) -> tuple[Any, ...]:
    """Abstract arguments, laid out as the plan says."""

    def place(array: Any, sharding: Any) -> Any:
        return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=sharding)

    out: tuple[Any, ...] = jax.tree.map(place, args, plan.in_shardings)
    return out
