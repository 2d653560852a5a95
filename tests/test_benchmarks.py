"""What a benchmark makes of its measurements; nothing is measured here."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import pages
from benchmarks.cases import cases
from benchmarks.cases.slow import at_once
from benchmarks.catalogue import ENTRIES, GOALS, OURS, Goal, Metric, goal
from benchmarks.contenders import Contender
from benchmarks.figures import Spread, excess, ratio, spread, typical, wall
from benchmarks.goods import Goods, Item
from benchmarks.judging import Verdict, verdicts
from benchmarks.model import Duel, Measured, Pair, Reading, Results, Run, dumps, loads
from benchmarks.nginx import Served
from benchmarks.peers.programs import Curl
from benchmarks.plot import Bar, plot
from benchmarks.processes import Mishap
from benchmarks.referee import neighbours
from benchmarks.scale import QUICK, Scale
from benchmarks.tables import case_table, table

GIB = 1 << 30
SVG = "{http://www.w3.org/2000/svg}"


def run(wall: float, *, resent: int = 0) -> Run:
    return Run(wall=wall, cpu=2 * wall, peak=100 << 20, resent=resent)


def duel(rival: str, *walls: tuple[float, float], variant: str = "", resent: int = 0) -> Duel:
    pairs = tuple(Pair(ours=run(a, resent=resent), theirs=run(b)) for a, b in walls)
    return Duel(rival=rival, variant=variant, pairs=pairs)


def measured(case: str, *duels: Duel, readings: tuple[Reading, ...] = ()) -> Measured:
    return Measured(
        case=case, day=date(2026, 1, 31), rounds=3, seconds=1.0, files=1, size=GIB,
        duels=duels, readings=readings,
    )  # fmt: skip


def results(*each: Measured) -> Results:
    return Results(machine={"processor": "a fast one"}, versions={"nginx": "1.22.1"}, cases=each)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], Spread(3.0, 3.0, 3.0)),
        ([5.0, 1.0, 2.0], Spread(2.0, 1.0, 5.0)),
        ([4.0, 1.0], Spread(2.5, 1.0, 4.0)),
    ],
)
def test_a_spread_is_median_least_and_greatest(values: list[float], expected: Spread) -> None:
    assert spread(values) == expected


def test_nothing_has_no_spread() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])


def test_a_ratio_is_the_median_of_the_pairs_and_not_the_ratio_of_medians() -> None:
    found = ratio(duel("aria2c", (1.0, 1.0), (2.0, 8.0), (9.0, 3.0)), wall)
    assert found == Spread(1.0, 0.25, 3.0)


def test_the_page_tells_how_busy_the_machine_was() -> None:
    page = pages.pages(replace(results(), load=0.25))[pages.PAGE]
    assert "| load before the first case | 0.25 |" in page


@pytest.mark.parametrize(("load", "provisional"), [(None, True), (3.0, True), (0.3, False)])
def test_figures_of_a_busy_machine_are_provisional(
    load: float | None, *, provisional: bool
) -> None:
    page = pages.pages(replace(results(), load=load))[pages.PAGE]
    assert ("**Provisional:**" in page) == provisional


def test_a_rival_without_runs_has_no_ratio() -> None:
    assert ratio(Duel(rival="aria2c", failed="it ended with 1"), wall) is None
    assert typical([], wall) is None


@pytest.mark.parametrize(("value", "most", "expected"), [(0.5, 1.0, 0.0), (1.5, 1.2, 0.25)])
def test_an_excess_is_a_part_of_the_target(value: float, most: float, expected: float) -> None:
    assert excess(value, most) == pytest.approx(expected)


def test_results_survive_being_written() -> None:
    some = results(measured("large-http", duel("aria2c", (1.0, 2.0))))
    assert loads(dumps(some)) == some


def test_a_run_takes_one_line_of_the_file() -> None:
    written = dumps(results(measured("large-http", duel("aria2c", (1.0, 2.0)))))
    assert sum('"wall"' in line and '"resent"' in line for line in written.splitlines()) == 2


def test_newer_cases_take_the_place_of_the_same_ones() -> None:
    old = results(measured("small", duel("curl", (1.0, 2.0))), measured("idle"))
    new = results(measured("small", duel("curl", (3.0, 2.0))))
    assert {each.case: each for each in old.merged(new).cases} == {
        "small": new.cases[0],
        "idle": old.cases[1],
    }


def test_results_of_another_machine_are_not_mixed() -> None:
    other = replace(results(measured("idle")), machine={"processor": "a slow one"})
    with pytest.raises(ValueError, match="another machine"):
        results().merged(other)


@pytest.mark.parametrize(("value", "said"), [(0.55, "met"), (0.66, "missed by 20 %")])
def test_a_verdict_says_by_how_much_a_target_is_missed(value: float, said: str) -> None:
    wanted = Goal(case="large-http", of="aria2c", metric=Metric.WALL, most=0.55)
    assert str(Verdict(goal=wanted, variant="", found=Spread(value, 0.1, 9.0))) == said


def test_a_reading_is_judged_by_its_worst() -> None:
    some = results(measured("slow64", readings=(Reading(name="peak", values=(100.0, 176.0)),)))
    assert [str(verdict) for verdict in verdicts(some)] == ["missed by 10 %"]


def test_bytes_sent_again_are_judged_by_variant() -> None:
    wasteful = duel("aria2c -c", (1.0, 1.0), variant="http, killed", resent=GIB // 50)
    thrifty = duel("aria2c -c", (1.0, 1.0), variant="http, stopped")
    found = verdicts(results(measured("resume", thrifty, wasteful)))
    again = {v.variant: v.met for v in found if v.goal.metric is Metric.RESENT}
    assert again == {"http, stopped": True, "http, killed": False}


def test_a_goal_that_could_not_be_measured_is_not_met() -> None:
    lame = Duel(rival="pypdl", failed="it ended with 1")
    (verdict,) = (v for v in verdicts(results(measured("large-http", lame))) if not v.found)
    assert not verdict.met
    assert str(verdict) == "not measured"


def test_a_table_shows_ours_first_then_each_rival_with_ratio_and_target() -> None:
    lines = case_table(measured("large-http", duel("aria2c", (3.0, 2.0)))).splitlines()
    assert lines[2].startswith("| **reelkeep** | 3.00 | – | – | 5.59 |")  # noqa: RUF001 (as shown)
    assert lines[3].startswith("| aria2c | 2.00 | 1.50 [1.50 … 1.50] | ≤ 1: missed by 50 % |")


def test_a_table_says_why_a_rival_is_out() -> None:
    shown = case_table(measured("large-http", Duel(rival="pypdl", failed="no | such\nthing")))
    assert "| pypdl (fails: no / such thing) |" in shown


def test_the_table_of_resumes_shows_what_was_sent_again() -> None:
    some = duel("aria2c -c", (1.0, 1.0), variant="http, killed", resent=GIB // 1000)
    assert "| 0.10 % | ≤ 1 %: met |" in case_table(measured("resume", some))


def test_an_empty_cell_is_drawn_as_one() -> None:
    assert table(("", "a"), [("b", "1")]) == "| | a |\n| --- | ---: |\n| b | 1 |\n"


def test_a_picture_is_xml_with_a_bar_and_a_mark_for_each_target() -> None:
    bars = [
        Bar(group="large & http", label="aria2c <8>", found=Spread(0.5, 0.4, 0.6), most=0.55),
        Bar(group="large & http", label="curl", found=Spread(2.0, 1.0, 3.0), most=1.0),
        Bar(group="small", label="pypdl", found=Spread(0.2, 0.2, 0.2)),
    ]
    root = ET.fromstring(plot("Wall time", bars))
    kinds = [each.get("class") for each in root.iter(f"{SVG}rect")]
    assert kinds == ["ground", "met", "missed", "free"]
    assert len(list(root.iter(f"{SVG}path"))) == 2


def test_a_bar_leaves_the_line_of_one_to_the_left_if_ours_is_better() -> None:
    better = Bar(group="g", label="l", found=Spread(0.5, 0.5, 0.5))
    worse = replace(better, found=Spread(2.0, 2.0, 2.0))
    root = ET.fromstring(plot("Wall time", [better, worse]))
    one = next(x for x in root.iter(f"{SVG}line") if x.get("class") == "one").get("x1")
    left, right = [each for each in root.iter(f"{SVG}rect") if each.get("class") == "free"]
    assert float(left.get("x", "")) < float(one or "") == float(right.get("x", ""))


def test_every_rival_runs_once_a_round_beside_ours() -> None:
    rivals: list[Contender] = [Curl(name=name, jobs=1) for name in "abcde"]
    for number in range(7):
        pairs = [[before, *after] for before, after in neighbours(rivals, number)]
        assert sorted(each.name for pair in pairs for each in pair) == list("abcde")
        assert max(map(len, pairs)) == 2


def test_rivals_run_before_ours_and_after_it_in_turn() -> None:
    rivals: list[Contender] = [Curl(name=name, jobs=1) for name in "ab"]
    firsts = [next(neighbours(rivals, number))[0].name for number in range(3)]
    assert firsts == ["a", "b", "a"]


def test_replies_that_overlap_are_counted() -> None:
    replies = [Served(0.0, 5.0, 1), Served(1.0, 2.0, 1), Served(2.0, 3.0, 1), Served(6.0, 7.0, 1)]
    assert at_once(replies) == 2


@pytest.mark.parametrize("scale", [Scale(), QUICK], ids=["full", "quick"])
def test_every_case_is_described(scale: Scale) -> None:
    assert list(cases(scale)) == [entry.key for entry in ENTRIES]


def test_a_goal_is_found_by_what_it_is_about() -> None:
    assert goal("slow64", "peak", Metric.READING, Metric.MEDIAN) in GOALS
    assert goal("slow64", "peak", Metric.WALL) is None


def test_goals_of_ours_are_of_bytes_only() -> None:
    """Elsewhere `OURS` is one side of a ratio, which has a rival's name."""
    assert {each.metric for each in GOALS if each.of == OURS} == {Metric.RESENT}


PRESENT = {"a": b"one", "b": b"two"}
GOODS = Goods([Item(key, len(body), sha256(body).hexdigest()) for key, body in PRESENT.items()])


def lay(directory: Path, **files: bytes) -> None:
    for name, body in files.items():
        (directory / name).write_bytes(body)


def test_what_has_arrived_is_proven_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    lay(tmp_path, a=b"two")
    lay(tmp_path / "folder", renamed=b"one")
    GOODS.prove(tmp_path)


def test_what_reelkeep_keeps_beside_the_files_does_not_count(tmp_path: Path) -> None:
    (tmp_path / ".reelkeep").mkdir()
    lay(tmp_path / ".reelkeep", lock=b"")
    lay(tmp_path, **PRESENT, **{"recording.json": b"{}", "SHA256SUMS": b""})
    GOODS.prove(tmp_path)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a": b"one"}, "1 of 2 files are here, bit by bit, and 0 others"),
        ({"a": b"one", "b": b"tow"}, "1 of 2 files are here, bit by bit, and 1 others"),
        ({**PRESENT, "b.aria2": b""}, "2 of 2 files are here, bit by bit, and 1 others"),
    ],
    ids=["missing", "damaged", "too much"],
)
def test_what_has_not_arrived_is_no_result(
    tmp_path: Path, files: dict[str, bytes], said: str
) -> None:
    lay(tmp_path, **files)
    with pytest.raises(Mishap, match=said):
        GOODS.prove(tmp_path)
