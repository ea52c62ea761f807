"""The plotting canvas: one style for every figure, axis scales that suit the data, files that cannot be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import analysis.plots
from analysis.plots.canvas import COLOURS, STYLE, picture, scale, temperatures_on_top, time_unit
from analysis.plots.sheet import look
from lattices.errors import InputError


def test_every_picture_is_written_by_the_canvas() -> None:
    folder = Path(analysis.plots.__file__).parent
    writers = [
        path.name for path in folder.glob("*.py") if "savefig" in path.read_text() or "Figure(" in path.read_text()
    ]
    assert writers == ["canvas.py"]
    assert not [path.name for path in folder.glob("*.py") if "pyplot" in path.read_text() and path.name != "canvas.py"]


def test_colours_are_places_in_the_colour_cycle_of_the_style() -> None:
    from matplotlib import rc_params_from_file

    cycle = rc_params_from_file(STYLE, fail_on_error=True, use_default_template=False)["axes.prop_cycle"]
    assert len(cycle) == len(COLOURS) == len({entry["color"] for entry in cycle}) == 8


@pytest.mark.parametrize(("form", "begins"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_a_picture_in_another_format_and_style(form: str, begins: bytes, tmp_path: Path) -> None:
    style = tmp_path / "mine.mplstyle"
    style.write_text('axes.prop_cycle: cycler("color", ["red", "green"])\naxes.grid: False\n')
    sheet = look(form, style).of(tmp_path, "one")
    with picture(sheet) as (_, (axes,)):
        (line,) = axes.plot([1, 2], [3, 4], color=COLOURS[1])
    assert sheet.path.read_bytes().startswith(begins)
    assert line.get_color() == "C1"
    assert form != "svg" or b"#008000" in sheet.path.read_bytes()  # green, the second of the user's cycle


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "No such file"), ("axes.grid: maybe\n", "maybe"), ("blabla: 3\n", "Bad key blabla")],
)
def test_a_style_that_is_none_is_refused(content: str | None, told: str, tmp_path: Path) -> None:
    style = tmp_path / "bad.mplstyle"
    if content is not None:
        style.write_text(content)
    with pytest.raises(InputError, match=told) as refusal:
        look("png", style)
    assert str(style) in str(refusal.value) and "\n" not in str(refusal.value)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InputError, match="'jpg'; allowed are png, pdf, svg"):
        look("jpg")


def test_the_style_is_restored_after_each_picture(tmp_path: Path) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with picture(tmp_path / "one.png") as (figure, (axes,)):
        axes.plot([1, 2], [3, 4], label="line")
        assert mpl.rcParams["axes.grid"] and figure.get_size_inches().tolist() == [8.0, 4.6]
    legend = axes.get_legend()
    assert legend is not None and legend.get_window_extent().x0 > axes.get_window_extent().x1  # beside the curves
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1e-12, 1e-10], "log"),
        ([0.5, 0.9], "linear"),
        ([-1.0, 100.0], "linear"),
        ([np.nan, 1.0, 100.0], "log"),
        ([0.0, 100.0], "linear"),
        ([], "linear"),
        ([np.nan], "linear"),
    ],
)
def test_axes_are_logarithmic_where_positive_data_span_decades(values: list[float], kind: str, tmp_path: Path) -> None:
    with picture(tmp_path / "one.png") as (_, (axes,)):
        axes.plot(range(len(values)), values)
        scale(axes, "y", [np.array(values)])
        assert axes.get_yscale() == kind


def test_labels_of_a_short_logarithmic_axis_are_plain_numbers(tmp_path: Path) -> None:
    with picture(tmp_path / "one.png") as (_, (axes,)):
        axes.loglog([0.6, 6.0], [1e-12, 1e-9])
    shown = {tick.get_text() for tick in [*axes.get_xticklabels(minor=True), *axes.get_xticklabels()]}
    assert {"1", "2", "5"} <= shown and not any("times" in text for text in shown)
    assert r"$10^{-10}$" in {tick.get_text() for tick in axes.get_yticklabels()}


def test_temperatures_are_shown_above_the_reciprocal_axis(tmp_path: Path) -> None:
    with picture(tmp_path / "one.png") as (_, (axes,)):
        axes.plot([1.0, 2.0], [1.0, 2.0])
        temperatures_on_top(axes, [1000.0, 998.0, 500.0])
    (top,) = axes.child_axes
    assert [tick.get_text() for tick in top.get_xticklabels()] == ["500", "998"]  # the label 1000 would overlap 998


def test_a_single_temperature_gets_a_tick(tmp_path: Path) -> None:
    with picture(tmp_path / "one.png") as (_, (axes,)):
        axes.plot([1.0], [1.0])
        temperatures_on_top(axes, [1000.0])
    assert len(axes.child_axes) == 1


def test_times_are_shown_in_a_suitable_unit() -> None:
    assert time_unit(3e-12) == (1e12, "ps") and time_unit(5.0) == (1.0, "s") and time_unit(2e-7) == (1e9, "ns")


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing/one.png", "cannot be written: No such file or directory"), ("one.xyz", "is not supported")],
)
def test_a_picture_that_cannot_be_written_gives_a_one_line_error(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as caught, picture(tmp_path / name) as (_, (axes,)):
        axes.plot([1.0], [1.0])
    assert "\n" not in str(caught.value) and name in str(caught.value)
