"""Outputs that exist are refused by every command, and replaced only with --force."""

from __future__ import annotations

import json
import shutil

import pytest

import cssv
from cssv.errors import ExistsError, LockedError
from cssv.testing import clips

#: Command line -> the output that stands in its way.
COMMANDS = {
    "encode clip.mkv --boxes boxes.txt -o out.cssv": "out.cssv",
    "encode clip.mkv --boxes boxes.txt": "clip.cssv",
    "decode file.cssv -o heat.mkv": "heat.mkv",
    "decode file.cssv -o heat.mp4": "heat.mp4",
    "decode file.cssv -o heat": "heat",
    "decode file.cssv --objects objects.csv": "objects.csv",
    "decode file.cssv --scene out.json": "out.json",
    "decode file.cssv --overlay overlay.mp4": "overlay.mp4",
    "decode file.cssv --overlay overlay": "overlay",
    "export file.cssv copy.mkv": "copy.mkv",
    "export file.cssv copy.cssv": "copy.cssv",
    "export file.cssv copy": "copy",
    "gc file.cssv small.cssv --keep-playing": "small.cssv",
    "track --boxes boxes.txt -o tracks.txt": "tracks.txt",
    "diff file.cssv 1 2 --picture worst.png": "worst.png",
}


@pytest.fixture(scope="session")
def two_versions(material, tmp_path_factory):
    path = tmp_path_factory.mktemp("versions") / "file.cssv"
    shutil.copy(material / "clip.cssv", path)
    scene = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 20}]}
    cssv.commit(path, scene, created_s=0)
    return path


@pytest.fixture
def workplace(material, two_versions, tmp_path, monkeypatch):
    for name in ("clip.mkv", "boxes.txt"):
        (tmp_path / name).symlink_to(material / name)
    shutil.copy(two_versions, tmp_path / "file.cssv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stand(path):
    """Something that stands at the name of an output: a file, or a folder of older pictures."""
    if path.suffix:
        path.write_bytes(b"what somebody made before")
    else:
        path.mkdir()
        (path / "000000.png").write_bytes(b"what somebody made before")


@pytest.mark.parametrize(("line", "output"), COMMANDS.items(), ids=COMMANDS)
def test_it_is_refused_and_replaced_with_force(workplace, run, snapshot, line, output):
    stand(workplace / output)
    before = snapshot(workplace)
    refused = run(*line.split(), "--json")
    assert snapshot(workplace) == before
    assert refused.code == 6
    assert refused.json()["error"]["kind"] == "exists"
    assert output in refused.err
    assert "--force" in refused.err
    done = run(*line.split(), "-f")
    assert done.code == 0, done.err
    after = snapshot(workplace)
    assert set(before) <= set(after)
    (changed,) = {name for name in before if before[name] != after[name]}
    assert changed.split("/")[0] == output


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.split()[-1] in COMMANDS.values()])
def test_a_minus_makes_no_file(workplace, run, snapshot, line):
    before = snapshot(workplace)
    result = run(*line.split()[:-1], "-")
    assert snapshot(workplace) == before
    if line.startswith("track"):
        assert result.code == 0
        assert result.out.startswith("1,1,")
    else:
        assert result.code in (2, 6)


def test_a_folder_with_other_things_is_not_replaced_by_force(workplace, run, snapshot):
    (workplace / "mine").mkdir()
    (workplace / "mine" / "thesis.txt").write_text("mine")
    before = snapshot(workplace)
    for line in ("export file.cssv mine --force", "decode file.cssv --overlay mine --force"):
        result = run(*line.split())
        assert result.code == 6
        assert "thesis.txt" in result.err
    assert snapshot(workplace) == before


def encode(out, **options):
    return cssv.encode("clip.mkv", out, boxes="boxes.txt", **options)


#: What writes a file -> the file, and a function of its path.
CALLS = {
    "encode": ("x.cssv", encode),
    "gc": ("x.cssv", lambda out, **options: cssv.gc("file.cssv", out, 1, **options)),
    "export": ("x.mkv", lambda out, **options: cssv.export("file.cssv", out, **options)),
    "heat": ("x.mp4", lambda out, **options: cssv.decode("file.cssv", out, **options)),
    "objects": ("x.csv", lambda out, **options: cssv.decode("file.cssv", objects=out, **options)),
    "scene": ("x.json", lambda out, **options: cssv.decode("file.cssv", scene=out, **options)),
    "picture": ("x.png", lambda out, **options: cssv.diff("file.cssv", 1, 2, picture=out, **options)),
}


class TestMeanwhile:
    """What appears while a command runs is kept too."""

    @staticmethod
    def theirs(path):
        """A progress function that makes a file at the first call."""

        def progress(*_):
            if not path.exists():
                path.write_bytes(b"theirs")

        return progress

    @pytest.mark.parametrize("name", CALLS)
    def test_it_is_kept(self, workplace, name):
        output, call = CALLS[name]
        path = workplace / output
        with pytest.raises(ExistsError, match="exists already"):
            call(path, progress=self.theirs(path))
        assert path.read_bytes() == b"theirs"
        assert not list(workplace.glob(".*"))
        assert not list(workplace.glob("*.lock"))

    def test_the_second_encoder_of_a_name_is_refused_at_once(self, workplace):
        options = {"size": (clips.WIDTH, clips.HEIGHT), "rate": 25}
        path = workplace / "live.cssv"
        with cssv.Encoder(path, **options) as encoder:
            with pytest.raises(LockedError):
                cssv.Encoder(path, **options)
            with pytest.raises(LockedError):
                cssv.encode("clip.mkv", path, boxes="boxes.txt")
            for picture in clips.pictures(count=3):
                encoder.write(picture)
        assert cssv.verify(path).frames == 3

    def test_a_recording_gets_another_name(self, workplace):
        path = workplace / "live.cssv"
        encoder = cssv.Encoder(path, size=(clips.WIDTH, clips.HEIGHT), rate=25)
        for picture in clips.pictures(count=3):
            encoder.write(picture)
        shutil.copy("file.cssv", path)
        theirs = path.read_bytes()
        with pytest.raises(ExistsError, match=r"live-2\.cssv"):
            encoder.close()
        assert path.read_bytes() == theirs
        assert cssv.verify(workplace / "live-2.cssv").frames == 3


def test_the_plot_of_artefacts(workplace, run):
    (workplace / "plot.png").write_bytes(b"before")
    result = run("artefacts", "clip.mkv", "--weights", "absent.safetensors", "--plot", "plot.png", "--json")
    assert json.loads(result.out)["error"]["kind"] == "exists"
    assert (workplace / "plot.png").read_bytes() == b"before"
