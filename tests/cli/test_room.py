"""``cssv room``."""

import json

from click.testing import CliRunner

from cssv_cli.main import main


def run(*words):
    return CliRunner().invoke(main, ["room", *map(str, words)])


def test_a_room_is_written(stego, tmp_path):
    path = tmp_path / "a.glb"
    done = run(stego, "-o", path)
    assert done.exit_code == 0, done.output
    assert "on the upright picture, without the camera" in done.output
    assert path.read_bytes().startswith(b"glTF")
    again = run(stego, "-o", path, "--json")
    assert again.exit_code != 0
    assert "--force" in json.loads(again.stdout)["error"]["message"]
    forced = json.loads(run(stego, "-o", path, "--force", "--json").stdout)
    assert forced["bytes"] == path.stat().st_size
