"""``cssv plot``."""

import json

from click.testing import CliRunner

from cssv_cli.main import main


def run(*words):
    return CliRunner().invoke(main, ["plot", *map(str, words)])


def test_a_plot_is_written(encode, tmp_path):
    clip, path = encode(fidelity="full"), tmp_path / "a.svg"
    done = run(clip, "-o", path, "--kind", "timeline", "--colour", "speed")
    assert done.exit_code == 0, done.output
    assert "timeline of" in done.output
    assert path.read_bytes().startswith(b"<?xml")
    again = run(clip, "-o", path, "--json")
    assert again.exit_code != 0
    assert "--force" in json.loads(again.stdout)["error"]["message"]


def test_the_ground_that_is_missing_has_a_remedy(encode, tmp_path):
    done = run(encode(fidelity="full"), "-o", tmp_path / "a.png", "--units", "kmh")
    assert done.exit_code != 0
    assert "--units" in done.output


def test_help_names_the_kinds():
    text = run("--help").output
    for kind in ("paths", "presence", "speed", "values", "timeline"):
        assert f"{kind}:" in text
