"""The comparison's arithmetic, the names of differences, and what a user sees."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from autopart.benchmarks.accuracy import agreement, peaks, speeds
from autopart.benchmarks.accuracy import differences as d
from autopart.benchmarks.accuracy.__main__ import main
from autopart.benchmarks.accuracy.agreement import Comparison
from autopart.benchmarks.accuracy.description import Description
from autopart.benchmarks.accuracy.differences import differences
from autopart.benchmarks.accuracy.figures import median_error, relative_error, spearman, worst_error
from autopart.benchmarks.accuracy.findings import Options, Point, Scatter
from autopart.benchmarks.accuracy.peaks import Peak
from autopart.benchmarks.accuracy.programs import TINY, Case, host_programs, tpu_programs
from autopart.benchmarks.accuracy.speeds import Speed
from autopart.benchmarks.accuracy.verdict import DONE, FAILED, PEAK, REFUSED, Verdict
from autopart.emit.lower import CollectiveKey

Counts = Counter[CollectiveKey]


def key(kind: str, axes: str, nbytes: int) -> CollectiveKey:
    return kind, tuple(axes.split()), nbytes


def test_errors() -> None:
    assert relative_error(11, 10) == pytest.approx(0.1)
    assert relative_error(5, 10) == pytest.approx(-0.5)
    assert relative_error(0, 0) == 0
    assert relative_error(1, 0) == math.inf
    assert median_error([-0.3, 0.1, 0.2]) == pytest.approx(0.2)
    assert worst_error([-0.3, 0.1, 0.2]) == pytest.approx(-0.3)
    assert (median_error([]), worst_error([])) == (None, None)


def test_rank_correlation() -> None:
    assert spearman([1, 2, 3, 4], [10, 100, 1000, 1001]) == pytest.approx(1)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    # Ranks 1 2 3 4 5 against 2 1 4 3 5: one minus 6 times 4 over 5 times 24.
    assert spearman([1, 2, 3, 4, 5], [20, 10, 40, 30, 50]) == pytest.approx(1 - 6 * 4 / (5 * 24))
    assert spearman([1, 1, 1], [1, 2, 3]) is None
    assert spearman([1], [1]) is None


GATHER, REDUCE, SCATTERED = (key(kind, "batch", 64) for kind in ("all_gather", "all_reduce", "reduce_scatter"))


@pytest.mark.parametrize(
    ("name", "predicted", "found", "count"),
    [
        (d.MERGED, Counts({GATHER: 3}), Counts({GATHER: 1}), 2),
        (d.REPEATED, Counts({REDUCE: 1}), Counts({REDUCE: 2}), 1),
        (d.OTHER_DTYPE, Counts({GATHER: 2}), Counts({key("all_gather", "batch", 128): 2}), 4),
        (d.WHOLE_SUM, Counts({SCATTERED: 1}), Counts({REDUCE: 1}), 2),
        (d.SCATTERED_SUM, Counts({REDUCE: 1}), Counts({SCATTERED: 1}), 2),
        (d.OTHER_KIND, Counts({GATHER: 1}), Counts({key("all_to_all", "batch", 64): 1}), 2),
        (d.OTHER_BYTES, Counts({GATHER: 1}), Counts({key("all_gather", "batch", 72): 1}), 2),
        (d.LEFT_OUT, Counts({GATHER: 1}), Counts(), 1),
        (d.ADDED, Counts(), Counts({GATHER: 1}), 1),
        (
            d.PADDED,
            Counts({SCATTERED: 1}),
            Counts({key("reduce_scatter", "batch", 72): 1, key("collective_permute", "batch", 8): 1}),
            3,
        ),
        (
            d.ONE_STEP,
            Counts({SCATTERED: 1, key("all_reduce", "model", 16): 1}),
            Counts({key("all_reduce", "batch model", 64): 1}),
            3,
        ),
        (
            d.TWO_STEPS,
            Counts({key("all_reduce", "batch model", 64): 1}),
            Counts({REDUCE: 1, key("all_reduce", "model", 64): 1}),
            3,
        ),
    ],
)
def test_every_difference_has_its_name(name: str, predicted: Counts, found: Counts, count: int) -> None:
    common = Counts({key("all_reduce", "model", 1000): 5})
    assert differences(predicted + common, found + common) == {name: count}


def test_equal_counts_do_not_differ() -> None:
    same = Counts({GATHER: 2, REDUCE: 1})
    assert differences(same, same) == {}
    assert set(d.MEANING) >= {d.MERGED, d.ADDED}


def verdict(status: str = DONE, peak: int = 0, found: Counts | None = None, text: str = "") -> Verdict:
    return Verdict(
        status, text, {PEAK: peak, "argument": 1, "temporary": 2} if peak else {}, found or Counts(), 3.0, 4.0
    )


def test_a_verdict_survives_json() -> None:
    one = verdict(peak=7, found=Counts({GATHER: 2, REDUCE: 1}))
    assert Verdict.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_agreement_counts_programs_and_collectives() -> None:
    rows = [
        Comparison("same", Counts({GATHER: 2}), verdict(found=Counts({GATHER: 2}))),
        Comparison("merged", Counts({GATHER: 2, REDUCE: 1}), verdict(found=Counts({GATHER: 1, REDUCE: 1}))),
        Comparison("broken", Counts({GATHER: 9}), verdict(FAILED, text="signal 6")),
        Comparison("refused", Counts({GATHER: 9}), verdict(REFUSED, text="too large")),
    ]
    section = agreement.section(rows)
    assert (section["programs"], section["equal"]) == (2, 1)
    assert section["collectives"] == {"predicted": 5, "found": 4}
    assert section["agreeing"] == 4
    assert section["differences"] == {d.MERGED: 1}
    assert section["failed"] == {"broken": "signal 6"}
    assert section["by_kind"]["all_gather"] == {
        "predicted": 4, "found": 3, "predicted_bytes": 256, "found_bytes": 192,
    }  # fmt: skip
    assert [row["equal"] for row in section["rows"]] == [True, False]
    assert section["rows"][1]["missing"] == [{"kind": "all_gather", "axes": ["batch"], "full_bytes": 64, "count": 1}]
    shown = Console(record=True, width=120, quiet=True)
    with shown.capture() as captured:
        shown.quiet = False
        shown.print(agreement.programs_table("title", rows), agreement.kinds_table("kinds", rows))
    assert "1 merged" in captured.get()
    assert "failed: signal 6" in captured.get()


def test_peaks_are_held_to_what_they_say() -> None:
    rows = [
        Peak("right", "x", 100, 80.0, verdict(peak=80)),
        Peak("half", "x", 100, 30.0, verdict(peak=60)),
        Peak("said to fit", "x", 100, 90.0, verdict(REFUSED)),
        Peak("said not to fit", "x", 100, 111.0, verdict(peak=99)),
        Peak("close", "x", 100, 95.0, verdict(REFUSED)),
        Peak("refused", "x", 100, 200.0, verdict(REFUSED)),
    ]
    section = peaks.section(rows)
    assert section["programs"] == 3
    assert section["median_error"] == pytest.approx(111 / 99 - 1)
    assert section["worst_error"] == pytest.approx(0.5)
    assert section["worst_program"] == "half"
    assert section["contradicted"] == ["said to fit", "said not to fit"]
    assert section["fits"]["fits, done"] == 2
    assert section["fits"]["close, refused"] == section["fits"]["too large, refused"] == 1
    assert len(peaks.faults(rows)) == 2
    assert "said to fit" in peaks.faults(rows)[0]
    assert peaks.table(rows).row_count == 6
    assert peaks.section([])["median_error"] is None


def test_speeds_are_ranked_over_all_and_by_device() -> None:
    rows = [
        Speed("a", "x", 1.0, 10.0),
        Speed("b", "x", 2.0, 30.0),
        Speed("c", "y", 3.0, 20.0),
        Speed("d", "y", 4.0, 15.0),
    ]
    section = speeds.section(rows)
    assert section["spearman"] == pytest.approx(1 - 6 * (0 + 4 + 0 + 4) / (4 * 15))
    assert section["spearman_by_device"] == {"x": pytest.approx(1), "y": pytest.approx(-1)}
    assert speeds.table(rows).row_count == 4


def test_a_description_survives_json() -> None:
    one = next(host_programs()).describe()
    again = Description.from_json(json.loads(json.dumps(one.to_json())))
    assert again == one
    assert again.plan().metrics == one.plan().metrics


def test_there_are_enough_programs_for_the_tpu() -> None:
    programs = list(tpu_programs())
    names = [program.name for program in programs]
    assert len(set(names)) == len(names) >= 44
    assert {program.device for program in programs} == {"tpu_v4", "tpu_v5e", "tpu_v6e"}
    assert {program.model.key for program in programs} >= {
        "t32",
        "t32_scan",
        "mlp",
        "moe",
        "gns",
        "unet",
        "resnet",
        "it32",
    }
    chosen = Options(programs=2, only="* random *").chosen(programs)
    assert len(chosen) == 2
    assert all("random" in one.name for one in chosen)


@pytest.mark.parametrize("schedule", ["searched", "random 0"])
def test_states_that_are_found_are_found_again(schedule: str) -> None:
    case = Case("mlp", TINY["mlp"], schedule, "cpu", "4x2")
    assert case.name == f"mlp {schedule} cpu 4x2"
    assert case.describe() == case.describe()
    assert case.describe().tactics


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "examples:" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--programs", "0"])


SCATTER = Scatter("peaks", "title", "predicted (GB)", "judged (GB)", (Point("a", "x", 1, 2), Point("b", "y", 30, 20)))


def test_plots(tmp_path: Path) -> None:
    pytest.importorskip("altair", reason="the extra `plots` is not installed: pip install 'autopart[plots]'")
    pytest.importorskip("vl_convert", reason="the extra `plots` is not installed: pip install 'autopart[plots]'")
    from autopart.benchmarks.accuracy.plots import write

    png, html = write(SCATTER, tmp_path / "plots")
    assert png.read_bytes().startswith(b"\x89PNG")
    text = html.read_text(encoding="utf-8")
    assert '<script src="http' not in text
    assert "predicted (GB)" in text
