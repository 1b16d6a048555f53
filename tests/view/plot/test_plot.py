"""Figures of plots: the numbers in them, hostile labels, many objects."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cssv.errors import InputError, OptionError
from cssv.interop.rows import ObjectRow
from cssv.scene.ground import Plane
from cssv.view.plot import (
    choose_tracks,
    draw_paths,
    draw_presence,
    draw_speed,
    draw_timeline,
    draw_values,
    group_tracks,
    most_present,
    plotted_values,
)
from cssv.view.plot.figures import PlotData, write_figure
from cssv.view.plot.places import measure_places
from cssv.view.plot.style import legible
from cssv.view.units import SPEED_UNITS

PX_S = SPEED_UNITS["px/s"]
PICTURE = np.full((60, 80, 3), 90, dtype=np.uint8)
AREA = (0.0, 0.0, 80.0, 60.0)


def row(track, number, x=20.0, **values):
    known = {"speed_px_s": 10.0, "sigma_px_s": 1.0, "label": "person"} | values
    box = {"x_px": x, "y_px": 10.0, "w_px": 8.0, "h_px": 20.0}
    return ObjectRow(frame=number, time_s=number / 10, track=track, **box | known)


def rows_of_two():
    """One object in frames 0 to 9, and one in 0 to 2 and 6 to 9."""
    yield from (row(1, number, 5.0 + 3 * number) for number in range(10))
    yield from (row(2, number, 60.0, speed_px_s=30.0) for number in (0, 1, 2, 6, 7, 8, 9))


@pytest.fixture
def axes():
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    return figure.subplots()


def test_rows_become_tracks_with_their_stay():
    one, two = group_tracks(reversed(list(rows_of_two())))
    assert (one.track, one.name, two.track) == (1, "person 1", 2)
    assert one.seconds == pytest.approx(1.0)
    # The last frame before a gap lasts as long as any other frame of the clip.
    assert two.seconds == pytest.approx(0.7)
    assert two.runs == [slice(0, 3), slice(3, 7)]


def test_times_of_the_clip_are_those_of_frames_without_objects_too():
    (track,) = group_tracks([row(1, 0), row(1, 5)], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.9])
    assert track.stays_s == pytest.approx([0.1, 0.4])
    assert len(track.runs) == 2


def test_tracks_are_chosen_and_an_unknown_one_is_refused():
    tracks = group_tracks(rows_of_two())
    assert [each.track for each in choose_tracks(tracks, [2, 1, 2])] == [2, 1]
    assert [each.track for each in most_present(tracks, 1)] == [1]
    with pytest.raises(OptionError, match=r"no such track.*7.*1, 2"):
        choose_tracks(tracks, [7])


def test_presence_sums_to_the_seconds_of_stay():
    tracks = group_tracks(rows_of_two())
    places = measure_places(tracks, AREA, PX_S)
    assert places.stay_s.sum() == pytest.approx(1.7)
    # Feet below the edge of the picture count at the edge, objects outside of it do not count.
    cut = group_tracks([row(1, 0, h_px=100.0), row(1, 1, x_px=500.0)])
    assert measure_places(cut, AREA, PX_S).stay_s.sum() == pytest.approx(0.1)


def test_presence_on_the_ground_is_per_square_metre():
    # Ten pixels are a metre, so the picture shows 8 m x 6 m.
    plane = Plane(np.diag([0.1, 0.1, 1.0]), (80, 60))
    places = measure_places(group_tracks(rows_of_two()), AREA, PX_S)
    areas = places.areas_m2(plane)
    assert areas.sum() == pytest.approx(48.0)
    assert (places.stay_s / areas * areas).sum() == pytest.approx(1.7)


def test_mean_speed_is_that_of_the_objects_at_a_place():
    places = measure_places(group_tracks(rows_of_two()), AREA, PX_S)
    speed = places.speed[30]
    assert speed[64] == pytest.approx(30.0)
    assert speed[15] == pytest.approx(10.0)
    assert np.isnan(places.speed[0]).all()


def test_unknown_speeds_do_not_count():
    rows = [row(1, 0, speed_px_s=4.0), row(1, 1, speed_px_s=None), row(1, 2, speed_px_s=8.0)]
    speed = measure_places(group_tracks(rows), AREA, PX_S).speed
    assert np.nanmax(speed) == pytest.approx(6.0)


@pytest.mark.parametrize("draw", [draw_paths, draw_speed])
def test_plots_over_a_frame_have_its_extent_and_the_unit(draw, axes):
    draw(axes, group_tracks(rows_of_two()), PICTURE, PX_S)
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 80), (60, 0))
    assert all(image.get_extent() == [0, 80, 60, 0] for image in axes.images)
    assert axes.child_axes[0].get_ylabel().endswith("peed (px/s)")
    axes.figure.canvas.draw()


def test_a_crop_has_its_place_in_the_clip(axes):
    draw_presence(axes, group_tracks(rows_of_two()), PICTURE, area_px=(10, 5, 50, 35))
    assert (axes.get_xlim(), axes.get_ylim()) == ((10, 50), (35, 5))


def test_presence_that_is_drawn_is_that_which_was_measured(axes):
    tracks = group_tracks(rows_of_two())
    draw_presence(axes, tracks, PICTURE)
    assert axes.images[-1].get_array().sum() == pytest.approx(1.7, rel=0.01)


def test_lines_of_paths_break_at_gaps(axes):
    draw_paths(axes, group_tracks(rows_of_two()), PICTURE, PX_S)
    lines = axes.collections[1]
    assert len(lines.get_segments()) == 9 + 2 + 3
    assert lines.get_array().max() == pytest.approx(30)


def test_bands_are_one_standard_deviation(axes):
    rows = [row(1, n, temperature_c=20.0 + n, temperature_sigma_c=0.5) for n in range(4)]
    tracks = group_tracks(rows)
    _, temperature = plotted_values(tracks, PX_S)
    draw_values(axes, tracks, temperature, PX_S)
    corners = axes.collections[0].get_paths()[0].vertices
    for number in range(4):
        at = corners[np.isclose(corners[:, 0], number / 10), 1]
        assert (at.min(), at.max()) == pytest.approx((19.5 + number, 20.5 + number))
    assert axes.get_ylabel() == "Temperature (°C)"


def test_a_timeline_has_a_bar_for_each_run(axes):
    draw_timeline(axes, group_tracks(rows_of_two()))
    (bars,) = axes.collections
    spans = [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in bars.get_paths()]
    assert np.array(spans) == pytest.approx(np.array([(0, 1), (0, 0.3), (0.6, 1)]))


def test_a_timeline_by_speed_has_the_mean_speeds(axes):
    draw_timeline(axes, group_tracks(rows_of_two()), PX_S)
    (bars,) = axes.collections
    assert set(bars.get_array().tolist()) == {10.0, 30.0}


@pytest.mark.parametrize("label", ["$\\frac{", "_hidden", "car 🚗", "猫", "a\nb", "x" * 300, "<b>&amp;</b>"])
@pytest.mark.parametrize("kind", ["paths", "values", "timeline"])
def test_labels_are_shown_as_they_are(kind, label, tmp_path):
    tracks = group_tracks([replace(row(1, number), label=label) for number in range(3)])
    write_figure(tmp_path / "a.png", kind, PlotData(tracks, PX_S, PICTURE), overwrite=False)
    assert legible(label).isprintable()


def test_emoji_become_names():
    assert legible("my 🚗") == "my :automobile:"


@pytest.mark.parametrize("kind", ["paths", "presence", "speed", "values", "timeline"])
def test_a_clip_of_one_frame(kind, tmp_path):
    write_figure(
        tmp_path / "a.svg", kind, PlotData(group_tracks([row(1, 0)]), PX_S, PICTURE), overwrite=False
    )


@pytest.mark.parametrize("kind", ["paths", "presence", "timeline"])
def test_objects_without_values(kind, tmp_path):
    rows = [ObjectRow(frame=number, time_s=float(number), track=1) for number in range(3)]
    for name, is_by_speed in (("a.png", False), ("b.png", True)):
        data = PlotData(group_tracks(rows), PX_S, PICTURE, is_by_speed=is_by_speed)
        write_figure(tmp_path / name, kind, data, overwrite=False)


@pytest.mark.parametrize("kind", ["speed", "values"])
def test_values_that_nobody_knows_are_refused(kind, tmp_path):
    tracks = group_tracks([row(1, 0, speed_px_s=None)])
    with pytest.raises(InputError, match="known"):
        write_figure(tmp_path / "a.png", kind, PlotData(tracks, PX_S, PICTURE), overwrite=False)
    assert not list(tmp_path.iterdir())


def test_two_thousand_objects(tmp_path):
    rows = [row(track, number, track % 70 + number) for track in range(2000) for number in range(3)]
    tracks = group_tracks(rows)
    for kind in ("paths", "timeline"):
        path = tmp_path / f"{kind}.pdf"
        write_figure(path, kind, PlotData(tracks, PX_S, PICTURE), overwrite=False)
        assert path.stat().st_size < 2_000_000


def test_the_settings_of_the_user_stay(tmp_path):
    import matplotlib

    with matplotlib.rc_context({"font.size": 31, "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        tracks = group_tracks(rows_of_two())
        write_figure(tmp_path / "a.svg", "timeline", PlotData(tracks, PX_S), overwrite=False)
        assert dict(matplotlib.rcParams) == before
    write_figure(tmp_path / "b.svg", "timeline", PlotData(tracks, PX_S), overwrite=False)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
