import pytest

from cssv.errors import OptionError
from cssv.interop.rows import ObjectRow
from cssv.view.units import SPEED_UNITS, speed_unit

ROW = ObjectRow(frame=0, time_s=0.0, track=1, speed_px_s=30.0, sigma_px_s=2.0, speed_m_s=10.0, sigma_m_s=0.5)


@pytest.mark.parametrize(
    ("name", "speed", "sigma"),
    [("px/s", 30.0, 2.0), ("m/s", 10.0, 0.5), ("km/h", 36.0, 1.8), ("mph", 22.3694, 1.11847)],
)
def test_speed_in_each_unit(name, speed, sigma):
    assert SPEED_UNITS[name].speed_of(ROW) == pytest.approx((speed, sigma), rel=1e-5)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [("kmh", "km/h"), ("km_h", "km/h"), ("px_s", "px/s"), ("m_s", "m/s"), ("mph", "mph")],
)
def test_spellings(spelling, name):
    assert speed_unit(spelling, has_ground=False).name == name


def test_no_name_is_the_unit_that_is_known():
    assert speed_unit(None, has_ground=True).name == "m/s"
    assert speed_unit(None, has_ground=False).name == "px/s"


def test_a_speed_that_is_unknown_has_no_number():
    row = ObjectRow(frame=0, time_s=0.0, track=1, speed_px_s=30.0)
    assert SPEED_UNITS["km/h"].speed_of(row) == (None, None)
    assert SPEED_UNITS["px/s"].speed_of(row) == (30.0, None)


def test_an_unknown_unit_is_refused_with_the_known_ones():
    with pytest.raises(OptionError, match=r"furlong.*px/s, m/s, km/h, mph"):
        speed_unit("furlong", has_ground=True)
