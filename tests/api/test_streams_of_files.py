"""Files with several video streams, from the clip to the copy of its stego frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition

import cssv
from cssv.errors import NibblesLostError, OptionError
from cssv.testing.clips import SCENE, Truth, pictures

COUNT = 12


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Path:
    """A small default stream, and a large one beside it."""
    path = tmp_path_factory.mktemp("both") / "both.mp4"
    with av.open(str(path), "w") as container:
        made = []
        for size, flag in (((96, 80), Disposition.default.value), ((192, 160), 0)):
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.disposition = flag
            made.append((stream, pictures(*size, COUNT)))
        for stream, shown in made:
            for number, picture in enumerate(shown):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("options", "width"), [({}, 96), ({"stream": 1}, 192)])
def test_every_function_reads_the_stream_and_a_commit_finds_it_again(both, tmp_path, options, width):
    target = tmp_path / "a.cssv"
    done = cssv.encode(both, target, scene=SCENE, detector=Truth(), lossless=True, **options)
    assert any("video streams" in note for note in done.notes) == (not options)
    assert cssv.info(target).video.width == width
    assert cssv.info(both, **options).video.width == width
    committed = cssv.commit(target, SCENE | {"environment": {"humidity_pct": 3}}, cover=both)
    assert committed.version == 2
    assert isinstance(cssv.track(both, **options), cssv.Tracked)


def with_another_stream(stego: Path, path: Path) -> Path:
    """A copy whose first and default stream is another clip; the stego stream follows unchanged."""
    with av.open(str(stego)) as source, av.open(str(path), "w") as container:
        other = container.add_stream("ffv1", rate=25)
        other.width, other.height, other.pix_fmt = 384, 320, "yuv420p"
        copied = container.add_stream_from_template(source.streams.video[0])
        for number, picture in enumerate(pictures(384, 320, COUNT)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(other.encode(frame))
        container.mux(other.encode(None))
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = copied
                container.mux(packet)
    return path


def test_the_stream_of_a_copy_that_carries_is_found(both, tmp_path):
    cssv.encode(both, tmp_path / "a.cssv", scene=SCENE, detector=Truth(), stream=1, lossless=True)
    copy = with_another_stream(tmp_path / "a.cssv", tmp_path / "copy.mkv")
    assert cssv.info(copy).kind == "copy"
    assert cssv.info(copy).video.width == 192
    assert cssv.decode(copy, objects=tmp_path / "o.csv").frames == COUNT
    assert cssv.export(copy, tmp_path / "again.mkv").frames == COUNT
    with cssv.open(copy) as clip:
        assert len(clip) == COUNT
        assert clip[3].number == 3
    # A stream that is named is read, whatever it carries.
    assert cssv.info(copy, stream=0).kind == "plain"
    with pytest.raises(NibblesLostError):
        cssv.decode(copy, objects=tmp_path / "p.csv", stream=0)
    with pytest.raises(OptionError, match="no video stream"):
        cssv.decode(copy, objects=tmp_path / "p.csv", stream=5)
