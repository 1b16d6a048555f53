"""A killed live recording of a lossy codec is recovered but for its last seconds."""

from __future__ import annotations

import signal
import textwrap

import pytest

import cssv
from cssv.carriers import CARRIERS
from cssv.pipeline.stego_coding import GROUP_S
from tests.api.test_recordings import needs_kill, run
from tests.carriers.brightness_carrier import BrightnessCarrier
from tests.carriers.cell_carrier import CellCarrier

COUNT, RATE = 150, 25
#: Seconds lost at most: the lag, an open chunk, and the frames that a codec looks ahead; fewer in HEVC
#: and VP9.
LOST_S = {"h264": 4, "av1": 5}

KILLED = f"""
    from tests.carriers.brightness_carrier import BrightnessCarrier
    encoder = cssv.Encoder(
        folder / "live.cssv", size=(192, 160), rate={RATE}, codec="CODEC", carrier=BrightnessCarrier()
    )
    write(encoder, range({COUNT}))
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@needs_kill
@pytest.mark.parametrize("codec", LOST_S)
def test_a_killed_recording_is_recovered_but_for_its_last_seconds(codec, tmp_path):
    CARRIERS.register("brightness", BrightnessCarrier)
    try:
        done = run(tmp_path, textwrap.dedent(KILLED).replace("CODEC", codec))
        assert done.returncode == -signal.SIGKILL, done.stderr
        recovered = cssv.recover(tmp_path / "live.cssv")
        assert (COUNT - recovered.frames) / RATE <= LOST_S[codec]
        found = cssv.verify(recovered.path)
        assert found.faults == ()
        assert found.frames == recovered.frames
    finally:
        CARRIERS.unregister("brightness")


@needs_kill
def test_a_killed_recording_with_finer_regions_is_recovered_by_groups(tmp_path):
    """All groups of pictures that were complete are there, and exact."""
    CARRIERS.register("cells", CellCarrier)
    try:
        text = textwrap.dedent(KILLED).replace("brightness_carrier", "cell_carrier")
        text = text.replace("BrightnessCarrier", "CellCarrier").replace("CODEC", "h264")
        done = run(tmp_path, text)
        assert done.returncode == -signal.SIGKILL, done.stderr
        recovered = cssv.recover(tmp_path / "live.cssv")
        assert recovered.frames == GROUP_S * RATE
        found = cssv.verify(recovered.path)
        assert found.faults == ()
        assert found.frames == recovered.frames
    finally:
        CARRIERS.unregister("cells")
