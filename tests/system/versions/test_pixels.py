"""A real clip with six versions: the pixels of each stay as committed."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import cssv
from cssv.container import Reader

#: Least PSNR of every version against the clip, dB.
LEAST_DB = 33.5


@dataclass
class Committed:
    """CRCs and PSNR in dB of each committed version, and the bytes of the file at that time."""

    path: Path
    clip: Path
    crcs: dict[int, list[int]] = field(default_factory=dict)
    psnr_db: dict[int, float] = field(default_factory=dict)
    old: list[tuple[int, str]] = field(default_factory=list)

    def note(self, number: int) -> None:
        """Decode the current version with PyAV alone."""
        crcs, squares, count = [], 0.0, 0
        with av.open(str(self.path)) as stegos, av.open(str(self.clip)) as covers:
            for container in (stegos, covers):
                container.streams.video[0].thread_type = "AUTO"
            for stego, cover in zip(stegos.decode(video=0), covers.decode(video=0), strict=False):
                planes = stego.to_ndarray()
                crcs.append(zlib.crc32(planes.data))
                squares += cv2.norm(planes, cover.to_ndarray(), cv2.NORM_L2SQR)
                count += planes.size
        self.crcs[number] = crcs
        self.psnr_db[number] = 10 * np.log10(255**2 * count / squares)
        self.old.append((self.path.stat().st_size, digest(self.path, self.path.stat().st_size)))


def digest(path: Path, length: int) -> str:
    """Digest of the first bytes, with the types of all ``moov`` boxes replaced by ``free``."""
    data = bytearray(path.read_bytes()[:length])
    at = 0
    while at + 8 <= length:
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"moov":
            data[at + 4 : at + 8] = b"free"
        at += int.from_bytes(data[at + 8 : at + 16], "big") if size == 1 else size
    return hashlib.sha256(data).hexdigest()


def six_more_versions(path: Path, vtest, lab, fevered: int, visit_s: float) -> Committed:
    """Commit six times to a file of one version: text, numbers, a new object, a branch, a cover."""
    made = Committed(path, vtest.clip)
    made.note(1)
    people, scene_with = lab.PEOPLE, lab.scene_with
    feverish = scene_with({"match": {"track": fevered}, "temperature_c": 41}, base=people)
    rainy = feverish | {"environment": people["environment"] | {"weather": "rain"}}
    light = scene_with(base=rainy)
    light["objects"][0]["density_kg_m3"] = 700
    visitor = {
        "trajectory": [
            {"time_s": visit_s + at, "box_px": box}
            for at, box in ((0, [100, 200, 50, 100]), (1, [200, 230, 50, 110]), (3, [500, 300, 60, 120]))
        ],
        "label": "visitor",
        "temperature_c": 30,
    }
    visited = scene_with(visitor, base=light)
    branch = scene_with({"match": {"track": 19}, "temperature_c": 5, "template": "comet"}, base=people)
    covered = scene_with({"match": {"track": 16}, "temperature_c": 20, "name": "cooled"}, base=branch)
    for number, scene, options in (
        (2, feverish, {}),
        (3, rainy, {}),
        (4, light, {}),
        (5, visited, {}),
        (6, branch, {"parent": 1}),
        (7, covered, {"cover": vtest.clip}),
    ):
        done = cssv.commit(path, scene, message=f"commit {number}", **options)
        assert done.version == number
        made.note(number)
    return made


@pytest.fixture(scope="session")
def long(vtest, lab, tmp_path_factory) -> Committed:
    """The first 32 s, 224 frames."""
    path = tmp_path_factory.mktemp("long") / "vtest.cssv"
    cssv.encode(vtest.clip, path, scene=lab.PEOPLE, stop=32, lossless=True, **vtest.options)
    return six_more_versions(path, vtest, lab, 15, 20)


@pytest.fixture(scope="session")
def cut(vtest, lab, tmp_path_factory) -> Committed:
    """56 frames from the middle."""
    path = tmp_path_factory.mktemp("cut") / "vtest.cssv"
    cssv.encode(vtest.clip, path, scene=lab.PEOPLE, start=14, stop=22, lossless=True, **vtest.options)
    return six_more_versions(path, vtest, lab, 17, 2)


def exported(made: Committed, number: int, suffix: str, folder: Path, plain_crcs) -> list[int]:
    copy = folder / f"copy{suffix}"
    assert cssv.export(made.path, copy, version=number).frames == len(made.crcs[number])
    found = plain_crcs(copy)
    copy.unlink()
    return found


@pytest.mark.parametrize("suffix", [".mkv", ".cssv"])
@pytest.mark.parametrize("number", range(1, 8))
def test_every_version_of_a_cut_is_exported_as_it_was_committed(number, suffix, cut, tmp_path, lab):
    assert len(cut.crcs[number]) == 56
    assert exported(cut, number, suffix, tmp_path, lab.plain_crcs) == cut.crcs[number]


def test_a_version_of_the_long_clip_is_exported_as_it_was_committed(long, tmp_path, lab):
    assert len(long.crcs[5]) == 224
    assert exported(long, 5, ".cssv", tmp_path, lab.plain_crcs) == long.crcs[5]


@pytest.mark.parametrize("name", ["long", "cut"])
def test_versions_that_do_not_play_are_shown_as_they_were_committed(name, request, lab):
    made = request.getfixturevalue(name)
    for number, crcs in made.crcs.items():
        with Reader(made.path, version=number) as reader:
            assert reader.frames.stegos.tolist() == crcs, number
        if name == "cut":
            assert lab.own_crcs(made.path, number) == crcs, number


@pytest.mark.parametrize(("name", "count"), [("long", 224), ("cut", 56)])
def test_versions_differ_where_they_should(name, count, request):
    """Each commit changes the intended frames, so that the comparisons above are meaningful."""
    made = request.getfixturevalue(name)
    history = {version.number: version for version in cssv.log(made.path).versions}
    for number, version in history.items():
        if version.parent:
            pairs = zip(made.crcs[number], made.crcs[version.parent], strict=True)
            assert version.frames_changed == sum(a != b for a, b in pairs)
    assert [history[n].parent for n in range(1, 8)] == [0, 1, 2, 3, 4, 1, 6]
    assert [history[n].root for n in range(1, 8)] == [1, 1, 1, 1, 1, 1, 7]
    changed = [history[n].frames_changed for n in range(1, 8)]
    assert (changed[0], changed[3]) == (count, count)
    assert changed[2] == 0
    assert all(10 < some < count for some in (changed[1], changed[4], changed[5]))
    assert changed[6] > 10


def test_every_version_is_near_the_clip(long):
    assert min(long.psnr_db.values()) >= LEAST_DB, long.psnr_db


@pytest.mark.parametrize("name", ["long", "cut"])
def test_bytes_of_old_versions_never_change(name, request):
    """Except the types of moov boxes."""
    made = request.getfixturevalue(name)
    for length, before in made.old:
        assert digest(made.path, length) == before


def test_it_is_sound(cut):
    found = cssv.verify(cut.path)
    assert found.is_sound, found.faults[:3]
    assert (found.versions, found.version, found.frames) == (7, 7, 56)
