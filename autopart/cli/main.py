"""The ``autopart`` program: overrides run a search, verbs do everything else."""

from __future__ import annotations

import argparse
import atexit
import gc
import sys
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from autopart.cli.host_devices import use_host_devices

HELP = """\
autopart: finds how to split a JAX function over a mesh of accelerators.

  autopart model=t32 mesh=tpu_v3_16x2                  search a plan for a 5B decoder train step
  autopart model=mlp mesh=cpu_4x2 model.fields.preset=tiny verify=true
  autopart model.target=my_module.my_step mesh=a100_4x8
                       your own function: a callable that returns (function, abstract arguments)
  autopart -m model=mlp,t32 search.seed=0,1            sweep: every combination is one run, and one table of all
  autopart -m model=mlp,t32 hydra/launcher=ray         the same side by side, on a Ray cluster; =joblib: on this machine
  autopart model=t32 mesh=auto devices=32              axis sizes are searched too
  autopart apply schedule=schedule.py model=t32 mesh=tpu_v3_16x2
                       no search: what each tactic of a schedule does, and the plan that it gives
  autopart schedule=mine.py model=t32 mesh=tpu_v3_16x2 search what is left after a schedule
  autopart resume RUN [search.simulations=5000]        go on from the journal of a run that ended, or was killed
  autopart verify RUN                                  prove a plan: same answers, same collectives
  autopart diff RUN_A RUN_B                            what moved between two plans, and what it costs
  autopart explain RUN [PATH|OP|COLLECTIVE]            why: who tiled it, where a collective comes from, what binds
  autopart report RUN                                  report.html again: the plan, its collectives, memory, search
  autopart compare RUN...                              runs of a sweep in one table, or one page

Choices (NAME=VALUE; also any field of a choice, e.g. search.simulations=500):
{choices}
  mesh.axes.data=8  mesh.device=tpu_v4     sizes and device of the mesh
  device=mine                              device/mine.yaml of this folder, as scripts/calibrate.py writes it
  goals.memory_gib=12                      limit in GiB a device (default: what the device has)
  goals=latency goals.step_s=0.02          other limits, weights, stages: docs/goals.md
  search.simulations=2000 search.seconds=30 search.seed=0 search.prior=static|guided|uniform
  search.backend=ray search.workers=4      workers on a Ray cluster: one here, or ray.address=auto
  tracking=wandb tracking.mode=offline     curves and artifacts in wandb; tracking=jsonl, or both: tracking=all

A run leaves a folder with plan.json, schedule.py (edit and re-apply it), metrics.json, config.yaml, report.html (for a
browser), of its search tree.npz and journal.jsonl, and with tracking tracking.jsonl or wandb/, and tree.html;
status.json says why one failed.
Verbs (autopart VERB --help): {verbs}
More of hydra: autopart --hydra-help; what a run would use: autopart model=t32 --cfg job
"""


APPLY_HELP = """\
autopart apply: applies a schedule to a program, without a search.

  autopart apply schedule=schedule.py model=t32 mesh=tpu_v3_16x2
  autopart apply schedule=runs/RUN model=t32 model.fields.layers=48 mesh=tpu_v3_16x2
                       the plan of a run, on a grown model: says first what differs
  autopart apply schedule=my_module.SCHEDULE model.target=my_module.my_step mesh=a100_4x8
  autopart apply schedule=schedule.py model=mlp mesh=cpu_4x2 verify=true
                       and executes the small preset on 8 host devices: same answers, same collectives
  autopart apply -m schedule=dp.py,zero3.py model=t32  sweep: every combination is one run

schedule=  a file that ends in .py is read and never run: imports of autopart, and
               SCHEDULE = [Manual({{"batch": 0}}, "data"), Atomic(("params/embed",), "model")]
           with texts, numbers, lists, dicts, {dimensions} as arguments, of the tactics
{tactics}
           plan.json or the folder of a run: the tactics of that plan.
           my_module.SCHEDULE: your own code, imported; callables work there.
All other choices are those of a search (autopart --help). Tactics apply in order; earlier ones win.
Shows memory, step time and collectives after every tactic, then the plan; leaves a run folder like a search.
Status: 0 done, 2 an error that is explained, or a plan that breaks goals.memory_gib (default: what the device has).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status: 0 done, 1 a wrong command line, 2 an error that is explained."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    use_host_devices()
    warnings.showwarning = _show_warning
    atexit.register(gc.freeze)  # Python would look through all of a program once more before it ends.
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help(), end="")
        return 0 if arguments else 1
    if arguments[0] in VERBS:
        return VERBS[arguments[0]](arguments[1:])
    if "=" not in arguments[0] and not arguments[0].startswith(("-", "~", "+")):
        verbs = ", ".join(VERBS)
        print(f"error: no verb '{arguments[0]}'; there is {verbs}. A search takes NAME=VALUE.", file=sys.stderr)
        return 1
    from autopart.cli.hydra_app import hydra_app

    sys.argv = ["autopart", *arguments]
    return hydra_app()


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"warning: {message}", file=sys.stderr)


def _help() -> str:
    from importlib.resources import files

    rows = []
    for group in ("model", "mesh", "device", "goals", "search", "tracking"):
        names = sorted(p.name.removesuffix(".yaml") for p in files("autopart.configs").joinpath(group).iterdir())
        rows.append(f"  {group}={'|'.join(name for name in names if name.isidentifier())}")
    return HELP.format(choices="\n".join(rows), verbs=", ".join(VERBS))


def _status_of(verb: Callable[[], object]) -> int:
    """Does what a verb is for; returns the exit status: 0, or 2 after an error that is explained."""
    from autopart.errors import USER_ERRORS

    try:
        verb()
    except USER_ERRORS as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _verify(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="autopart verify",
        description="Re-applies the plan of a run, counts the collectives in its lowered StableHLO at full size, and "
        "executes the original and the partitioned step of the model's small preset on 8 host devices.",
    )
    parser.add_argument("run", type=Path, help="run folder that a search or autopart apply left")
    parser.add_argument("--target", help="module.callable of your own model, if the run is of one")
    options = parser.parse_args(arguments)
    from autopart.cli.run_folder import read_run
    from autopart.cli.terminal import console
    from autopart.cli.verify import verify_run

    return _status_of(lambda: verify_run(read_run(options.run), options.target, console()))


def _apply(arguments: Sequence[str]) -> int:
    from autopart.cli.hydra_app import hydra_app
    from autopart.plan.schedule_file import DIMENSIONS
    from autopart.tactics.as_json import TACTICS

    if not arguments or arguments[0] in ("-h", "--help"):
        margin = " " * 15
        tactics = textwrap.fill(", ".join(TACTICS), 100, initial_indent=margin, subsequent_indent=margin)
        print(APPLY_HELP.format(tactics=tactics, dimensions=", ".join(DIMENSIONS)), end="")
        return 0 if arguments else 1
    sys.argv = ["autopart apply", *arguments]
    return hydra_app(apply_only=True)


def _diff(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="autopart diff",
        description="Compares two plans: which tactics differ, which arguments, outputs and values inside lie in "
        "another way, which collectives came and went, and what it costs. Nothing is traced or executed.",
    )
    for name in ("a", "b"):
        parser.add_argument(name, type=Path, metavar=f"RUN_{name.upper()}", help="run folder, or a plan.json")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON, every path by itself")
    options = parser.parse_args(arguments)
    from autopart.cli.diff import diff_runs
    from autopart.cli.terminal import console

    return _status_of(lambda: diff_runs(options.a, options.b, console(), options.json))


def _resume(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="autopart resume",
        description="Goes on with the search of a run from its journal. Nothing is evaluated twice. In one process and "
        "with the same settings the answer is that of a search never interrupted; with others it is no worse than the "
        "best so far.",
        epilog="example: autopart resume runs/RUN search.simulations=5000",
    )
    parser.add_argument("run", type=Path, help="run folder that a search left")
    parser.add_argument(
        "overrides", nargs="*", metavar="NAME=VALUE", help="settings of search, goals, ray or tracking to change"
    )
    options = parser.parse_args(arguments)
    from autopart.cli.resume import resume_run

    return _status_of(lambda: resume_run(options.run, options.overrides))


def _explain(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="autopart explain",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Says why the plan of a run is what it is. Traces the model anew; executes nothing.\n\n"
        "  autopart explain RUN                        what binds, what each tactic bought, dearest collectives\n"
        "  autopart explain RUN ar12                   one collective: line, cause, what avoiding it costs\n"
        "  autopart explain RUN all_gather:model       collectives by KIND:AXIS:PATH, each part may be left out\n"
        "  autopart explain RUN 'params/layers/*/w'    tensors: who tiled them, how far it went, what stopped it\n"
        "  autopart explain RUN model.py:83            what is computed on a line\n"
        "  autopart explain RUN --why-not OTHER        why not the plan of another run",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder that a search or autopart apply left")
    parser.add_argument("of", nargs="?", metavar="PATH|OP|COLLECTIVE", help="what to explain; all of it by default")
    parser.add_argument("--why-not", type=Path, metavar="OTHER", help="run folder or plan.json of the same program")
    parser.add_argument("--target", help="module.callable of your own model, if the run is of one")
    parser.add_argument(
        "--json", action="store_true", help="print the explanation as JSON, seconds and bytes as numbers"
    )
    options = parser.parse_args(arguments)
    from autopart.cli.explain import explain_run
    from autopart.cli.terminal import console

    return _status_of(
        lambda: explain_run(options.run, options.of, options.why_not, options.target, console(), options.json)
    )


def _report(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="autopart report",
        description="Writes report.html into the folder of a run: one page about its plan that opens from disk. Traces "
        "the model anew; executes nothing. A run writes it by itself unless it was told report=false.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder that a search or autopart apply left")
    parser.add_argument("--target", help="module.callable of your own model, if the run is of one")
    options = parser.parse_args(arguments)
    from autopart.cli.report import report_run
    from autopart.cli.terminal import console

    return _status_of(lambda: report_run(options.run, options.target, console()))


def _compare(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="autopart compare",
        description="Several runs in one table, the best first: those of a sweep (autopart -m ...) by its folder. Runs "
        "that left no whole plan are marked. Nothing is traced or executed.",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folder, or a folder of run folders")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the table as one HTML page that loads nothing")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    options = parser.parse_args(arguments)
    from autopart.cli.compare import compare_runs
    from autopart.cli.terminal import console

    return _status_of(lambda: compare_runs(options.runs, console(), options.html, options.json))


VERBS: Mapping[str, Callable[[Sequence[str]], int]] = MappingProxyType(
    {
        "apply": _apply,
        "compare": _compare,
        "diff": _diff,
        "explain": _explain,
        "report": _report,
        "resume": _resume,
        "verify": _verify,
    }
)
