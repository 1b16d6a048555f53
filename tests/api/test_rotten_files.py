"""Bytes that changed after the file was written, in tags, audio and names of boxes: damage, never used."""

from __future__ import annotations

import shutil

import av
import numpy as np
import pytest

import cssv
from cssv.container import Reader
from cssv.errors import ChecksumError, ContainerError, OptionError, RevisionError
from cssv.interop.table import read_rows
from cssv.testing import clips as synthetic

WARM, HOT = 30.0, 40.0


def scene(temperature_c):
    return {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": temperature_c}]}


def flipped(path, data, at, mask=0x55):
    path.write_bytes(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :])
    return path


def temperatures(path, folder, version=None):
    table = folder / "o.csv"
    cssv.decode(path, objects=table, version=version, overwrite=True)
    return {row.temperature_c for row in read_rows(table)}


@pytest.fixture(scope="module")
def tagged(clips, tmp_path_factory):
    """Versions of 30, 35 and 40 degrees; ``approved`` was moved from 1 to 3; also the start of its index."""
    path = tmp_path_factory.mktemp("tagged") / "clip.cssv"
    options = {"boxes": clips / "boxes.txt", "stop": "0.2", "created_s": 1}
    cssv.encode(clips / "clip.mkv", path, scene=scene(WARM), lossless=True, **options)
    cssv.commit(path, scene(35.0), created_s=2)
    cssv.commit(path, scene(HOT), created_s=3)
    cssv.tag(path, "approved", 1)
    start = path.stat().st_size
    cssv.tag(path, "approved", 3)
    return path, start


@pytest.fixture
def rotten(tagged, tmp_path):
    """A file whose last index has one changed bit, in the middle."""
    path, start = tagged
    return flipped(tmp_path / "rotten.cssv", path.read_bytes(), start + 100, 0x04)


def test_each_of_55_flips_in_the_last_tag_is_found(tagged, tmp_path):
    path, start = tagged
    data = path.read_bytes()
    assert temperatures(path, tmp_path, "approved") == {HOT}
    bad = tmp_path / "bad.cssv"
    # The head of the box, where a flip can hide it, and 15 places in the rest.
    places = [*range(start, start + 40), *range(start + 40, len(data), (len(data) - start) // 15)][:55]
    for number, at in enumerate(places):
        flipped(bad, data, at, 1 << number % 8)
        found = cssv.verify(bad)
        assert [(fault.kind, fault.frame, fault.version) for fault in found.faults] == [("index", None, None)]
        assert f"index at byte {start} is damaged; tags may be older" in found.faults[0].text
        assert (found.torn_bytes, found.cut_bytes) == (0, 0)
        with pytest.raises(ChecksumError, match=r"is damaged.*cssv\.log\(\)"):
            cssv.open(bad, "approved")
    assert len(places) == 55


def test_no_reader_follows_a_tag_that_is_not_known(rotten, tmp_path):
    calls = {
        "decode": lambda: cssv.decode(rotten, objects=tmp_path / "o.csv", version="approved"),
        "export": lambda: cssv.export(rotten, tmp_path / "x.mkv", version="approved"),
        "diff": lambda: cssv.diff(rotten, 1, "approved"),
        "gc": lambda: cssv.gc(rotten, tmp_path / "x.cssv", "approved"),
        "gc of tagged": lambda: cssv.gc(rotten, tmp_path / "x.cssv", 1, keep_tagged=True),
        "open": lambda: cssv.open(rotten, "approved"),
    }
    for call in calls.values():
        with pytest.raises(ChecksumError, match="is damaged, so the tags are not known"):
            call()
    assert [path.name for path in tmp_path.iterdir()] == ["rotten.cssv"]


def test_the_versions_are_there_by_number_with_a_note(rotten, tagged, tmp_path):
    note = f"the index at byte {tagged[1]} is damaged"
    for version, expected in ((1, WARM), (2, 35.0), (3, HOT), (None, HOT)):
        assert temperatures(rotten, tmp_path, version) == {expected}
    history = cssv.log(rotten)
    assert [version.tags for version in history.versions] == [(), (), ()]
    done = cssv.decode(rotten, objects=tmp_path / "o.csv", overwrite=True)
    exported = cssv.export(rotten, tmp_path / "x.mkv", version=2)
    for found in (history, done, exported, cssv.info(rotten)):
        assert any(note in each for each in found.notes)
        assert any(note in each for each in found.to_json()["notes"])
        assert found.torn_bytes == 0


def test_no_writer_makes_the_loss_permanent(rotten):
    before = rotten.read_bytes()
    calls = {
        "commit": lambda: cssv.commit(rotten, scene(1.0)),
        "tag": lambda: cssv.tag(rotten, "approved", 3),
        "delete": lambda: cssv.tag(rotten, "approved", delete=True),
        "checkout": lambda: cssv.checkout(rotten, 1),
    }
    for call in calls.values():
        with pytest.raises(ChecksumError, match="is damaged"):
            call()
    found = cssv.verify(rotten, repair=True)
    assert ([fault.kind for fault in found.faults], found.cut_bytes) == (["index"], 0)
    assert rotten.read_bytes() == before
    assert [path.name for path in rotten.parent.iterdir()] == ["rotten.cssv"]


def test_the_way_on_is_a_copy_without_tags(rotten, tmp_path):
    done = cssv.gc(rotten, tmp_path / "sound.cssv", (1, 2, 3))
    assert len(done.notes) == len(done.to_json()["notes"]) == 1
    assert "the copy has no tags" in done.notes[0]
    with pytest.raises(RevisionError, match=r"no such tag.*none yet\. The versions have the numbers 1 to 3"):
        cssv.open(done.path, "approved")
    cssv.tag(done.path, "approved", 3)
    assert temperatures(done.path, tmp_path, "approved") == {HOT}
    assert cssv.verify(done.path).is_sound


def test_a_new_tag_that_rots_is_missed(tagged, tmp_path):
    path = shutil.copy(tagged[0], tmp_path / "clip.cssv")
    start = path.stat().st_size
    cssv.tag(path, "new", 2)
    flipped(path, path.read_bytes(), start + 60)
    with pytest.raises(ChecksumError, match="the tags are not known"):
        cssv.decode(path, objects=tmp_path / "o.csv", version="new")


# ---- sound


@pytest.fixture(scope="module")
def sounding(encode):
    """A file with sound, and the place of its first sound sample."""
    path = encode(name="sound.mp4")
    with Reader(path) as reader:
        (track,) = (track for track in reader.tracks if track.kind == "audio")
        return path, list(zip(track.table.offsets.tolist(), track.table.sizes.tolist(), strict=True))


@pytest.mark.parametrize("at", [0, 4, -1])
def test_damaged_sound_goes_into_no_other_file(at, sounding, clips, tmp_path):
    path, samples = sounding
    offset, size = samples[at]
    bad = flipped(tmp_path / "bad.cssv", path.read_bytes(), offset + size // 2)
    before = bad.read_bytes()
    calls = {
        ".mkv": lambda: cssv.export(bad, tmp_path / "x.mkv"),
        ".mp4": lambda: cssv.export(bad, tmp_path / "x.mp4"),
        ".webm": lambda: cssv.export(bad, tmp_path / "x.webm"),
        ".cssv": lambda: cssv.export(bad, tmp_path / "x.cssv"),
        "overlay": lambda: cssv.decode(bad, overlay=tmp_path / "x.mp4"),
        "encode": lambda: cssv.encode(bad, tmp_path / "again.cssv", boxes=clips / "boxes.txt", lossless=True),
        "commit": lambda: cssv.commit(bad, scene(1.0)),
        "words": lambda: cssv.commit(bad, synthetic.SCENE | {"environment": {"weather": "fog"}}),
    }
    for call in calls.values():
        with pytest.raises(ChecksumError, match=r"audio track \d is damaged.*cssv\.verify\(\)"):
            call()
    assert bad.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["bad.cssv"]


def test_outputs_without_sound_do_not_ask_for_it(sounding, tmp_path):
    path, samples = sounding
    bad = flipped(tmp_path / "bad.cssv", path.read_bytes(), samples[2][0])
    assert cssv.export(bad, tmp_path / "pictures").frames == 24
    assert cssv.decode(bad, tmp_path / "heat.mp4", overlay=tmp_path / "overlay").frames == 24


def test_sound_that_is_whole_is_copied(sounding, tmp_path):
    path, samples = sounding
    cssv.decode(path, overlay=tmp_path / "x.mp4")
    for done in (tmp_path / "x.mp4", cssv.export(path, tmp_path / "y.mkv").path):
        with av.open(str(done)) as container:
            packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
        assert sum(map(len, packets)) == sum(size for _, size in samples)


def test_a_damaged_picture_is_neither_encoded_nor_tracked(tagged, clips, tmp_path):
    """A decoder hides such damage, or names no frame."""
    with Reader(tagged[0]) as reader:
        offset, size = int(reader.video.table.offsets[2]), int(reader.video.table.sizes[2])
    bad = flipped(tmp_path / "bad.cssv", tagged[0].read_bytes(), offset + size // 2)
    with pytest.raises(ChecksumError, match="video sample of frame 2 is damaged"):
        cssv.encode(bad, tmp_path / "again.cssv", boxes=clips / "boxes.txt", lossless=True)
    with pytest.raises(ChecksumError, match="video sample of frame 2 is damaged"):
        cssv.track(bad, tmp_path / "tracks.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.cssv"]


# ---- names of boxes


def test_a_damaged_name_or_size_is_no_copy(stego, tmp_path):
    """Each byte of the first box, of the head of the index, and of the heads of the other boxes."""
    data = stego.read_bytes()
    tops = {kind: at for kind, at, _ in synthetic.top_boxes(data)}
    places = [*range(32), *range(tops[b"cssv"], tops[b"cssv"] + 32)]
    places += [tops[kind] + at for kind in (b"mdat", b"moov") for at in range(8)]
    ends = {"right": 0, "refused": 0}
    with cssv.open(stego) as clip:
        expected = clip[3].objects
    # With another ending, what is in the file must tell.
    for name in ("bad.cssv", "bad.mp4"):
        for at in places:
            bad = flipped(tmp_path / name, data, at)
            for version in (None, 1):
                try:
                    with cssv.open(bad, version) as clip:
                        assert (clip[3].source, clip[3].objects) == ("metadata", expected), at
                    ends["right"] += 1
                except RevisionError:
                    pytest.fail(f"byte {at}: the version is not missing, the file is damaged")
                except ContainerError:
                    ends["refused"] += 1
    assert ends["refused"] > 2 * len(places)
    assert sum(ends.values()) == 4 * len(places)


@pytest.mark.parametrize("part", [b"", b"\0" * 5000, b"not a video at all" * 99])
def test_a_file_of_that_name_with_anything_in_it(part, tmp_path):
    (tmp_path / "bad.cssv").write_bytes(part)
    for call in (cssv.open, cssv.info, cssv.verify, cssv.log, lambda path: cssv.open(path, 1)):
        with pytest.raises(ContainerError, match="not a CSSV file, or its first box is damaged"):
            call(tmp_path / "bad.cssv")


def remuxed(path, target):
    """The video of a file, copied by another program."""
    with av.open(str(path)) as before, av.open(str(target), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        for packet in before.demux(video=0):
            if packet.size:
                packet.stream = stream
                after.mux(packet)
    return target


def test_a_damaged_file_is_read_as_a_copy_once_it_is_one(stego, tmp_path):
    bad = tmp_path / "bad.cssv"
    bad.write_bytes(stego.read_bytes()[:-1])
    with pytest.raises(ContainerError, match="ffmpeg -c copy"):
        cssv.open(bad)
    with cssv.open(stego) as clip:
        expected = clip[5].heat
    for suffix in ("mkv", "mp4"):
        copy = remuxed(bad, tmp_path / f"copy.{suffix}")
        with cssv.open(copy) as clip:
            assert (clip[5].source, clip[5].number) == ("pixels", 5)
            assert np.array_equal(clip[5].heat, expected)
        with pytest.raises(OptionError, match=r"only a \.cssv holds versions"):
            cssv.open(copy, 1)


def test_a_clip_keeps_its_version_when_another_file_takes_its_name(tagged, stego, tmp_path):
    path = shutil.copy(tagged[0], tmp_path / "clip.cssv")
    with cssv.open(path, 3) as clip:
        before = clip.version
        shutil.copy(stego, tmp_path / "other.cssv")
        (tmp_path / "other.cssv").replace(path)
        assert clip.version == before
        assert (before.number, before.tags, before.is_playing) == (3, ("approved",), True)
        # The file that has the name now.
        assert [version.number for version in clip.versions] == [1]
