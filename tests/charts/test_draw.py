"""Drawings are well-formed, to scale, escaped, and say in words what they show."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from tallystick.charts.bars import Band, Limit, StackedBars, shared_defs, stacked_bars
from tallystick.charts.palette import DARK, DARK_BACKGROUND, LIGHT, LIGHT_BACKGROUND, contrast
from tallystick.charts.small import bullet, share_bar, sparkline

CSS = Path(__file__).parents[2] / "src/tallystick/web/static/app.css"
SVG = "{http://www.w3.org/2000/svg}"
names = st.text(max_size=200).filter(
    lambda text: not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", text)
)


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))


def bars(**changes) -> StackedBars:
    chart = {
        "summary": "All in three days",
        "labels": ("Nov 1", "Nov 2", "Nov 3"),
        "bands": (Band("A", "s0", (100, 200, 300)), Band("B", "s1", (100, 0, 100))),
        "previous": (150, 250, 100),
    }
    return StackedBars(**(chart | changes))


def test_a_chart_says_what_it_is_and_what_it_shows():
    root = parse(stacked_bars(bars()))

    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc").text == "All in three days"
    assert root.get("aria-describedby") == root.find(f"{SVG}desc").get("id")


def test_unfinished_bars_are_hatched_and_closed_ones_are_not():
    assert "url(#hatch)" in stacked_bars(bars(open_from=2))
    assert "url(#hatch)" not in stacked_bars(bars())
    assert shared_defs().count('id="hatch"') == 1


def test_the_period_before_is_a_line_and_absent_without_one():
    assert 'class="previous"' in stacked_bars(bars())
    assert 'class="previous"' not in stacked_bars(bars(previous=()))


def test_a_limit_is_inside_the_scale():
    svg = stacked_bars(bars(limit=Limit(900, "daily budget $900")))
    root = parse(svg)
    line = next(one for one in root.iter(f"{SVG}line") if one.get("class") == "limit")
    assert 0 < float(line.get("y1")) < 290
    assert "daily budget $900" in svg


def test_heights_are_to_scale():
    # Ticks to 400: the plot is 290 - 12 - 26 = 252 high, so 300 + 100 fills it and 200 takes 126.
    root = parse(stacked_bars(bars(open_from=0)))
    rects = [one for one in root.iter(f"{SVG}rect") if "s0" in (one.get("class") or "")]
    assert [round(float(one.get("height")), 1) for one in rects] == [63.0, 126.0, 189.0]


@given(
    st.lists(
        st.tuples(names, st.lists(st.integers(-(10**18), 10**18), min_size=3, max_size=3)), min_size=1, max_size=8
    ),
    names,
)
def test_any_name_and_any_amounts_give_well_formed_markup(bands, summary):
    chart = bars(summary=summary, bands=tuple(Band(name, "s0", tuple(values)) for name, values in bands), open_from=1)
    assert parse(stacked_bars(chart)).get("data-count") == "3"


def test_markup_in_names_is_only_text():
    svg = stacked_bars(bars(summary="<script>alert(1)</script>", labels=("<b>", '"', "&")))
    assert "<script" not in svg
    assert "<b>" not in svg


def test_drawings_carry_no_style_attribute_which_the_content_policy_would_drop():
    drawn = (
        stacked_bars(bars(open_from=1))
        + sparkline([1, 2], "x")
        + share_bar(500, "s0")
        + bullet(1, 2, "x")
        + shared_defs()
    )
    assert not re.search(r"\sstyle=", drawn)


def test_a_sparkline_starts_at_zero_ends_in_a_dot_and_needs_two_points():
    root = parse(sparkline([5, 10], "Trend"))
    dot = root.find(f"{SVG}circle")
    points = root.find(f"{SVG}polyline").get("points").split()
    assert points[-1] == f"{dot.get('cx')},{dot.get('cy')}"
    assert [float(point.split(",")[1]) for point in points] == [12.0, 3.0]  # half way up, then the top
    assert sparkline([5], "Trend") == ""


def test_a_long_sparkline_sums_neighbours_and_ends_with_the_last():
    points = parse(sparkline([1] * 89 + [3], "Trend")).find(f"{SVG}polyline").get("points").split()
    assert len(points) == 30
    assert points[-1].endswith(",3")
    assert all(point.endswith(",10.2") for point in points[:-1])  # 3 of 5, 18 pixels high


def test_a_share_is_as_wide_as_it_is_large_and_never_invisible():
    def width(tenths):
        return float(list(parse(share_bar(tenths, "s0")).iter(f"{SVG}rect"))[-1].get("width"))

    assert (width(500), width(1000), width(0)) == (42.0, 84.0, 0.0)
    assert width(1) == 2.0


def test_a_bullet_over_its_limit_is_red_and_shows_the_limit():
    assert 'class="fill over"' in bullet(120, 100, "over")
    assert 'class="fill accent"' in bullet(80, 100, "under", projected=130)
    assert 'class="expected"' in bullet(80, 100, "under", projected=130)


def test_every_colour_stands_out_in_both_themes_by_three_to_one():
    for colours, background in ((LIGHT, LIGHT_BACKGROUND), (DARK, DARK_BACKGROUND)):
        for colour in colours:
            assert contrast(colour, background) >= 3, colour


def test_contrast_is_wcags():
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


def test_the_style_sheet_has_the_palette():
    css = CSS.read_text()
    blocks = re.split(r"  color-scheme: (?:light|dark);", css)[1:]
    found = [dict(re.findall(r"--s(\d+): (#[0-9a-f]{6})", block)) for block in blocks]

    assert len(found) == 3  # light, dark by choice, dark by the system
    for block, colours in zip(found, (LIGHT, DARK, DARK), strict=True):
        assert [block[str(slot)] for slot in range(16)] == list(colours)
