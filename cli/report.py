"""Results in words for people, and in JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cssv
from cssv.pipeline.config import EXTENSION
from cssv.scene import Ranges
from cssv_cli.words import clock, count, quoted, rate_text, size_text, span_text, times_text


@dataclass(frozen=True, slots=True)
class Report:
    """What a command has to say.

    Attributes:
        text: for people.
        data: the same for programs, plain JSON types.
        is_result: it is what was asked for, so --quiet prints it too.
        is_remark: the result itself goes to stdout, so this goes to stderr.
    """

    text: str
    data: dict[str, Any]
    is_result: bool = False
    is_remark: bool = False


def encoded(done: cssv.Encoded, *, has_scene: bool) -> Report:
    """What ``encode`` did."""
    whole = f"{times_text(done.bytes, done.source_bytes)} the whole clip's {size_text(done.source_bytes)}"
    size = f"{size_text(done.bytes)}, {whole}"
    path = quoted(done.path)
    objects = count(done.tracks, "object")
    lines = [
        f"Wrote {done.path}: {count(done.frames, 'frame')}, {objects}, {size}.",
        "It was read back and is sound. Its rings show:",
        *(f"  {name:<12} {span}" for name, span in range_texts(done.ranges)),
        *notes_text([*done.notes, *_hints(done, has_scene)]),
        "Next:",
        f"  mpv {path}    (or any other player: it is an MP4)",
        f"  cssv decode {path} -o {quoted(done.path.with_suffix('.heat.mp4'))} --objects objects.csv",
        f"  cssv info {path}",
    ]
    return Report("\n".join(lines), done.to_json())


def _hints(done: cssv.Encoded, has_scene: bool) -> Iterator[str]:
    """What a newcomer may wonder about."""
    if not done.tracks:
        yield "no object was found, so the heat map is empty; give detections of your own with --boxes"
    elif not has_scene:
        yield "nobody said how warm and dense the objects are, so those rings are grey; say it with --meta"


def decoded(done: cssv.Decoded) -> Report:
    """What ``decode`` did."""
    origin = {
        "metadata": "from the scene track, exact",
        "pixels": "read from the pixels alone, approximate",
    }[done.source]
    lines = [f"Decoded {count(done.frames, 'frame')}.", *(f"Wrote {path}" for path in done.written)]
    if done.rows:
        lines.append(f"The objects table has {count(done.rows, 'row')}, {origin}.")
    if done.damaged_frames:
        lines.append(f"{count(done.damaged_frames, 'frame')} partly damaged; what lies there was left out.")
    lines += torn_text(done.torn_bytes)
    return Report("\n".join(lines), done.to_json())


def exported(done: cssv.Exported) -> Report:
    """What ``export`` wrote."""
    is_whole = done.path.suffix.lower() == EXTENSION
    kept = "scene track and all, without other versions" if is_whole else "the scene track stays behind"
    lines = [
        f"Wrote {done.path}: {count(done.frames, 'frame')}, pixel for pixel; {kept}.",
        *notes_text(done.notes),
        *torn_text(done.torn_bytes),
        f"The pixels still carry: cssv decode {quoted(done.path)} --objects objects.csv",
    ]
    return Report("\n".join(lines), done.to_json())


def verified(done: cssv.Verification, source: Path) -> Report:
    """What ``verify`` found."""
    data = {"path": str(source), **done.to_json()}
    notes = torn_text(done.torn_bytes)
    if done.cut_bytes:
        notes.append(f"Cut off {count(done.cut_bytes, 'byte')} of an append that was broken off.")
    if done.is_sound:
        what = f"version {done.version}" if done.versions == 1 else f"each of {done.versions} versions"
        frames = f"{count(done.frames, 'frame')} of {what}"
        return Report("\n".join([f"OK: {source}: {frames} as written.", *notes]), data)
    lines = [f"{source}: {_whose(fault)}{fault.kind}: {fault.text}" for fault in done.faults]
    return Report("\n".join([*lines, *notes, count(len(lines), "fault") + "."]), data, is_result=True)


def _whose(fault: cssv.Fault) -> str:
    return "" if fault.version is None else f"version {fault.version}: "


def tracked(done: cssv.Tracked) -> Report:
    """What ``track`` found."""
    where = f"; wrote {done.path}" if done.path else ""
    lines = [
        f"{count(len(done.tracks), 'track')}, {count(done.rows, 'row')}{where}.",
        *notes_text(done.notes),
    ]
    return Report("\n".join(lines), done.to_json(), is_remark=done.path is None)


def informed(found: cssv.Information) -> Report:
    """What ``info`` found."""
    kinds = {
        "cssv": "a CSSV file; its pixels carry a heat map",
        "copy": "its pixels carry a heat map; no scene track",
        "plain": "its pixels carry nothing",
    }
    lines = [f"{found.path}: {kinds[found.kind]}.", *(_row(*pair) for pair in _facts(found))]
    if found.versions:
        lines += ["  versions", *(f"    {version_text(version)}" for version in found.versions)]
        lines += torn_text(found.torn_bytes)
    if found.boxes:
        lines.append("  boxes        offset          bytes")
        lines += [f"    {kind:<4} {offset:>12,} {size:>14,}" for kind, offset, size in found.boxes]
    if found.kind == "plain" and found.path.is_file():
        lines.append(f"Make it carry with: cssv encode {quoted(found.path)}")
    return Report("\n".join(lines), found.to_json(), is_result=True)


def _row(name: str, text: str) -> str:
    return f"  {name:<9} {text}"


def _facts(found: cssv.Information) -> Iterator[tuple[str, str]]:
    """Name and text of each line of ``info``."""
    video = found.video
    yield "picture", f"{video.width}x{video.height} {video.layout}, {rate_text(float(video.rate))}"
    yield "codec", f"{video.codec} {video.pix_fmt}, {'with' if video.has_audio else 'no'} audio"
    length = "unknown" if found.frames is None else count(found.frames, "frame")
    if found.duration_s is not None:
        length += f", {clock(float(found.duration_s))}"
    yield "length", length
    if found.size_bytes is not None:
        each = f", {size_text(found.size_bytes // found.frames)} per frame" if found.frames else ""
        yield "size", size_text(found.size_bytes) + each
    if found.ranges is not None:
        yield from zip(("rings", "", ""), (" ".join(pair) for pair in range_texts(found.ranges)), strict=True)
    if found.first_frame or found.origin not in (None, (0, 0)):
        yield "part of", f"a longer or larger clip: from frame {found.first_frame}, pixel {found.origin}"
    facts = found.facts or {}
    if facts:
        how = ", ".join(f"{key} {facts[key]}" for key in ("codec", "merge", "fidelity") if key in facts)
        yield "made by", f"cssv {facts.get('cssv', '?')}: {how}"
    source = facts.get("source")
    # The source of a stream has neither codec nor pixel format.
    if isinstance(source, dict) and any(made := [source.get(key) for key in ("codec", "pix_fmt")]):
        yield "made from", " ".join(str(value) for value in made if value)
    noted = facts.get("notes")
    for note in (*video.notes, *(noted if isinstance(noted, list) else ())):
        yield "note", str(note)


def version_text(version: cssv.Version) -> str:
    """One version of a file in one line."""
    author = f" by {version.author}" if version.author else ""
    message = f": {version.message.splitlines()[0]}" if version.message.strip() else ""
    marks = f" ({', '.join(marks_of(version))})" if marks_of(version) else ""
    return f"{version.number}  {time_text(version.created_s)}{author}{marks}{message}"


def marks_of(version: cssv.Version) -> list[str]:
    """What is special about a version."""
    return [*(["playing"] if version.is_playing else []), *(f"tag {name}" for name in version.tags)]


def time_text(created_s: int) -> str:
    """A moment as people read it."""
    return (
        f"{datetime.fromtimestamp(created_s, UTC):%Y-%m-%d %H:%M} UTC" if created_s else "at an unknown time"
    )


def torn_text(torn_bytes: int) -> list[str]:
    """What to say of bytes behind the versions."""
    if not torn_bytes:
        return []
    return notes_text(
        [
            f"{count(torn_bytes, 'byte')} of an unfinished append lie behind the versions: somebody is just "
            "writing, or was broken off. The versions are whole; 'cssv verify --repair' cuts the rest off"
        ]
    )


def failed(kind: str, message: str, faults: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON object that says what went wrong."""
    error: dict[str, Any] = {"kind": kind, "message": message}
    if faults:
        error["faults"] = list(faults)
    return {"error": error}


# ---- parts


def range_texts(ranges: Ranges) -> tuple[tuple[str, str], ...]:
    """Name and span of each ring, from the inside out."""
    return (
        ("speed", span_text(ranges.speed_px_s, "px/s")),
        ("temperature", span_text(ranges.temperature_c, "°C")),
        ("density", span_text(ranges.density_kg_m3, "kg/m³")),
    )


def notes_text(notes: Iterable[str]) -> list[str]:
    """One line per note."""
    return [f"Note: {note}" for note in notes]
