"""The reader of optimised HLO: every caveat on a text small enough to count by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from autopart.benchmarks.accuracy.hlo import Array, arrays, parse
from autopart.benchmarks.accuracy.reader import UNKNOWN_AXES, collectives, cycles
from autopart.costmodel.mesh import Mesh

MESH = Mesh({"batch": 4, "model": 2}, "cpu")
SUM = "%add (a: f32[], b: f32[]) -> f32[] {\n  ROOT %s = f32[] add(%a, %b)\n}\n"


def entry(*lines: str) -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f"HloModule m, is_scheduled=true\n\n{SUM}\nENTRY %main (p: f32[8,4]) -> f32[8,4] {{\n{body}\n}}\n"


def count(text: str, executed: bool = False) -> dict[tuple[str, tuple[str, ...], int], int]:
    return dict(collectives(parse(text), MESH, executed=executed))


BATCH_ROWS = "replica_groups={{0,2,4,6},{1,3,5,7}}"


def test_arrays_of_a_type() -> None:
    text = "(bf16[4,2048]{1,0:T(8,128)(2,1)S(1)}, /*index=1*/f32[]{:T(128)}, (pred[3], s4[5]), f8e4m3fn[2])"
    found = arrays(text)
    assert found == (
        Array("bf16", (4, 2048)), Array("f32", ()), Array("pred", (3,)), Array("s4", (5,)), Array("f8e4m3fn", (2,)),
    )  # fmt: skip
    assert [array.nbytes for array in found] == [16384, 4, 3, 5, 2]


@pytest.mark.parametrize(
    ("written", "axes"),
    [
        (BATCH_ROWS, ("batch",)),
        ("replica_groups={{0,1},{2,3},{4,5},{6,7}}", ("model",)),
        ("replica_groups={}", ("batch", "model")),
        ("replica_groups=[4,2]<=[8]", ("model",)),
        ("replica_groups=[2,4]<=[4,2]T(1,0)", ("batch",)),
        ("replica_groups=[1,8]<=[8]", ("batch", "model")),
        ("replica_groups=mesh['a'=4,'b'=1,'c'=2] {'a','b'}", ("batch",)),
        ("replica_groups=mesh['a'=4,'c'=2] {'c'}", ("model",)),
        ("replica_groups=mesh['a'=8] {'a':(4)2}", ("model",)),
        ("replica_groups=mesh['a'=8] {'a':(1)4}", ("batch",)),
        ("replica_groups=mesh['a'=2,'b'=4], device_ids=([4,2]T(1,0)) {'b'}", ("batch",)),
        ("replica_groups=mesh['a'=2,'b'=1,'c'=4], device_ids=(0,2,4,6,1,3,5,7) {'a'}", ("model",)),
        ("replica_groups={{0,3},{1,2},{4,7},{5,6}}", (UNKNOWN_AXES,)),
    ],
)
def test_every_way_to_write_groups(written: str, axes: tuple[str, ...]) -> None:
    line = (
        f"ROOT %r = f32[8,4]{{1,0}} all-reduce(%p), channel_id=1, {written}, use_global_device_ids=true, to_apply=%add"
    )
    assert count(entry(line)) == {("all_reduce", axes, 128): 1}


def test_full_bytes_of_every_kind() -> None:
    text = entry(
        f"%a = bf16[8,4]{{1,0}} all-gather(%p), channel_id=1, {BATCH_ROWS}, dimensions={{0}}",
        f"%b = f32[2,4]{{1,0}} reduce-scatter(%p), channel_id=1, {BATCH_ROWS}, dimensions={{0}}, to_apply=%add",
        f"%c = f32[8,4]{{1,0}} all-to-all(%p), channel_id=1, {BATCH_ROWS}, dimensions={{0}}",
        "%d = f32[1,4]{1,0} collective-permute(%p), channel_id=1, "
        "source_target_pairs={{0,2},{2,4},{4,6},{1,3},{3,5},{5,7}}",
    )
    assert count(text) == {
        ("all_gather", ("batch",), 64): 1,  # The result is the whole array.
        ("reduce_scatter", ("batch",), 128): 1,  # Four results of 32 bytes.
        ("all_to_all", ("batch",), 512): 1,  # Four operands of 128 bytes.
        ("collective_permute", ("batch",), 64): 1,  # Four operands of 16 bytes.
    }


def test_an_all_to_all_of_slices_is_one() -> None:
    slices = ", ".join(["f32[2,4]{1,0}"] * 4)
    line = f"%t = ({slices}) all-to-all(%p, %p, %p, %p), channel_id=1, {BATCH_ROWS}"
    assert count(entry(line)) == {("all_to_all", ("batch",), 512): 1}


def test_combined_arrays_count_one_by_one() -> None:
    line = f"%t = (f32[8]{{0}}, bf16[3]{{0}}) all-reduce(%p, %q), channel_id=1, {BATCH_ROWS}, to_apply=%add"
    assert count(entry(line)) == {("all_reduce", ("batch",), 32): 1, ("all_reduce", ("batch",), 6): 1}


def test_a_start_and_its_done_are_one() -> None:
    text = entry(
        f"%s = (bf16[2,4]{{1,0}}, bf16[8,4]{{1,0}}) all-gather-start(%p), channel_id=1, {BATCH_ROWS}, dimensions={{0}}",
        "%d = bf16[8,4]{1,0} all-gather-done(%s)",
        "%q = (f32[4]{0}, f32[4]{0}, u32[]{:S(2)}, u32[]{:S(2)}) collective-permute-start(%p), channel_id=2, "
        "source_target_pairs={{0,1},{2,3},{4,5},{6,7}}",
        "%e = f32[4]{0} collective-permute-done(%q)",
        f"%r = f32[8,4]{{1,0}} all-reduce-start(%p), channel_id=3, {BATCH_ROWS}, to_apply=%add",
        "%f = f32[8,4]{1,0} all-reduce-done(%r)",
    )
    assert count(text) == {
        ("all_gather", ("batch",), 64): 1,
        ("collective_permute", ("model",), 32): 1,
        ("all_reduce", ("batch",), 128): 1,
    }


def test_an_all_reduce_inside_all_reduce_scatter_is_a_reduce_scatter() -> None:
    fusion = (
        f"%all-reduce-scatter.1 (x: f32[8,4]) -> f32[2,4] {{\n"
        f"  %x = f32[8,4] parameter(0)\n"
        f"  %r = f32[8,4] all-reduce(%x), channel_id=7, {BATCH_ROWS}, to_apply=%add\n"
        f"  ROOT %d = f32[2,4] dynamic-slice(%r, %i, %j), dynamic_slice_sizes={{2,4}}\n}}\n"
    )
    main = entry("ROOT %f = f32[2,4]{1,0} fusion(%p), kind=kCustom, calls=%all-reduce-scatter.1")
    text = main.replace("ENTRY", f"{fusion}\nENTRY")
    assert count(text) == {("reduce_scatter", ("batch",), 128): 1}
    # Two such fusions may share a channel and are two all the same.
    twin = fusion.replace("scatter.1", "scatter.2")
    call = "%g = f32[2,4]{1,0} fusion(%p), kind=kCustom, calls=%all-reduce-scatter.2"
    twice = text.replace("ENTRY", f"{twin}\nENTRY").replace("  ROOT %f", f"  {call}\n  ROOT %f")
    assert count(twice) == {("reduce_scatter", ("batch",), 128): 2}


def test_clones_of_an_asynchronous_fusion_are_one() -> None:
    def body(name: str) -> str:
        return (
            f"%async_collective_fusion.{name} (x: bf16[2,4]) -> bf16[8,4] {{\n"
            f"  ROOT %g = bf16[8,4] all-gather(%x), channel_id=9, {BATCH_ROWS}, dimensions={{0}}\n}}\n"
        )

    calls = [f"%f{n} = bf16[8,4] fusion(%p), kind=kCustom, calls=%async_collective_fusion.{n}" for n in ("1", "2", "3")]
    text = entry(*calls).replace("ENTRY", f"{body('1')}\n{body('2')}\n{body('3')}\nENTRY")
    assert count(text) == {("all_gather", ("batch",), 64): 1}


def test_channels_are_shared_outside_of_such_fusions() -> None:
    line = "all-reduce(%p), channel_id=1, replica_groups={{0,1},{2,3},{4,5},{6,7}}, to_apply=%add"
    text = entry(f"%a = f32[8,4] {line}", f"%b = f32[8,4] {line}")
    assert count(text) == {("all_reduce", ("model",), 128): 2}


def test_groups_of_one_device_move_nothing() -> None:
    line = "%a = f32[8,4] all-reduce(%p), channel_id=1, replica_groups={{0},{1},{2},{3},{4},{5},{6},{7}}, to_apply=%add"
    assert count(entry(line)) == {}


LOOP = f"""HloModule m

{SUM}
%body (c: (s32[], f32[8])) -> (s32[], f32[8]) {{
  %c = (s32[], f32[8]) parameter(0)
  %x = f32[8] get-tuple-element(%c), index=1
  %r = f32[8] all-reduce(%x), channel_id=1, {BATCH_ROWS}, to_apply=%add
  %y = f32[8] fusion(%r), kind=kLoop, calls=%inner, backend_config={{"window_config":{{"estimated_cycles":"100"}}}}
  ROOT %t = (s32[], f32[8]) tuple(%i, %y)
}}

%inner (x: f32[8]) -> f32[8] {{
  ROOT %n = f32[8] negate(%x)
}}

%test (c: (s32[], f32[8])) -> pred[] {{
  %c = (s32[], f32[8]) parameter(0)
  %i = s32[] get-tuple-element(%c), index=0
  %limit = s32[] constant(12)
  ROOT %lt = pred[] compare(%i, %limit), direction=LT
}}

ENTRY %main (p: f32[8]) -> f32[8] {{
  %w = (s32[], f32[8]) while(%init), condition=%test, body=%body
  %z = f32[8] copy(%q), backend_config={{"window_config":{{"estimated_cycles":"7"}}}}
  %u = f32[8] copy(%q), backend_config={{"window_config":{{"estimated_cycles":"9223372036854775807"}}}}
}}
"""


def test_loops_run_as_often_as_their_test_says() -> None:
    key = ("all_reduce", ("batch",), 32)
    assert count(LOOP) == {key: 1}
    assert count(LOOP, executed=True) == {key: 12}


def test_cycles_weigh_loops_and_leave_out_what_has_no_estimate() -> None:
    assert cycles(parse(LOOP)) == 12 * 100 + 7


def test_a_noted_trip_count_is_believed() -> None:
    noted = LOOP.replace("body=%body", 'body=%body, backend_config={"known_trip_count":{"n":"5"}}')
    assert cycles(parse(noted)) == 5 * 100 + 7


def test_a_loop_of_unknown_length_runs_once() -> None:
    other = LOOP.replace("direction=LT", "direction=NE")
    assert cycles(parse(other)) == 100 + 7


def test_only_what_is_reached_counts() -> None:
    stray = f"%stray (x: f32[8]) -> f32[8] {{\n  ROOT %r = f32[8] all-reduce(%x), {BATCH_ROWS}, to_apply=%add\n}}\n"
    text = entry("ROOT %n = f32[8,4] negate(%p)").replace("ENTRY", f"{stray}\nENTRY")
    assert collectives(parse(text), MESH) == Counter()
