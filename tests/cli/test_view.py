"""``cssv view``: the page, its report, and errors in terms of options."""

from __future__ import annotations

import json


def test_a_page_is_written_and_reported(run, material, tmp_path):
    output = tmp_path / "page.html"
    result = run("view", material / "clip.cssv", "-o", output)
    assert result.code == 0
    assert f"Wrote {output}:" in result.out
    assert "1 version." in result.out
    found = json.loads(run("view", material / "clip.cssv", "-o", output, "--force", "--json").out)
    assert found["bytes"] == output.stat().st_size
    assert run("view", material / "clip.cssv", "-o", output).code != 0


def test_a_page_without_a_clip(run, tmp_path):
    output = tmp_path / "viewer.html"
    result = run("view", "--embed", "none", "-o", output)
    assert "dropped" in result.out
    assert output.exists()


def test_errors_speak_of_options(run, material, tmp_path, monkeypatch):
    assert "--embed none" in run("view").err
    monkeypatch.setattr("cssv.view.html.page.EMBED_LIMIT_BYTES", 1000)
    result = run("view", material / "clip.cssv", "-o", tmp_path / "x.html")
    assert result.code != 0
    assert "--embed none" in result.err
