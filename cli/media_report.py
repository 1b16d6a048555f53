"""Reports of the commands on clips: encode, decode, export, verify, track and info."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cssv
from cssv.api import choices
from cssv_cli.equations_report import equations_lines
from cssv_cli.report import Report, marks_of, notes_text, range_texts, time_text, torn_text
from cssv_cli.wording import to_command_line
from cssv_cli.words import clock, count, quoted, rate_text, size_text, times_text


def encoded(done: cssv.Encoded, *, has_scene: bool) -> Report:
    """The file written by ``encode``, and what can be done with it."""
    frames, size = count(done.frames, "frame"), size_text(done.bytes)
    clip = size_text(done.source_bytes)
    whole = f"{times_text(done.bytes, done.source_bytes)} the size of the whole clip ({clip})"
    # The bytes of a part of a clip are unknown, and those of the whole clip are no measure for it.
    if done.frames < done.clip_frames:
        frames += f" of {done.clip_frames:,}"
        whole = f"part of a clip of {clip}"
    path = quoted(done.path)
    lines = [
        f"Wrote {done.path}: {frames}, {count(done.tracks, 'object')}, {size}, {whole}.",
        "The file was read back and is sound. Ranges of the rings in the heat map:",
        *(f"  {name:<12} {span}" for name, span in range_texts(done.ranges.to_json())),
        *_others(done),
        *notes_text([*done.notes, *_hints(done, has_scene)]),
        "Next:",
        f"  mpv {path}    (or any other player: it is an MP4)",
        f"  cssv decode {path} -o {quoted(done.path.with_suffix('.heat.mp4'))} --objects objects.csv",
        f"  cssv view {path} --open",
        f"  cssv info {path}",
    ]
    return Report(lines, done.to_json())


def _others(done: cssv.Encoded) -> Iterator[str]:
    """What the other forms of the file would have cost."""
    if done.others:
        sizes = ", ".join(f"{name} {size_text(size)}" for name, size in done.others.items())
        yield f"Other forms would have, by an estimate: {sizes}; see 'cssv encode --dry-run'."


def _hints(done: cssv.Encoded, has_scene: bool) -> Iterator[str]:
    """Why a heat map is empty or partly grey, for a newcomer."""
    if not done.tracks:
        yield "no object was found, so the heat map is empty; you can give your own detections with --boxes"
    elif not has_scene:
        yield "temperature and density of the objects are not given, so those rings are grey; see --meta"
    if done.tracks and not done.has_ground:
        yield f"speeds are in pixels per second, because the ground is not known; {choices.FIND_GROUND}"


def decoded(done: cssv.Decoded) -> Report:
    """The files written by ``decode``, and how exact they are."""
    origin = {
        "metadata": "from the scene track, exact",
        "pixels": "read from the pixels alone, approximate",
        "robust": "read from the pixels of a copy, each value within its bound",
    }[done.source]
    lines = [f"Decoded {count(done.frames, 'frame')}.", *(f"Wrote {path}" for path in done.written)]
    if done.rows:
        lines.append(f"The objects table has {count(done.rows, 'row')}, {origin}.")
    lines += _view_lines(done.view)
    if done.damaged_frames:
        lines.append(
            f"{count(done.damaged_frames, 'frame')} partly damaged; objects in damaged parts are missing."
        )
    if done.missing_frames:
        lines.append(
            f"{count(done.missing_frames, 'frame')} without a heat map: the source does not hold all "
            "frames of their window, or a codec has destroyed it."
        )
    lines += [*notes_text(done.notes), *torn_text(done.torn_bytes)]
    return Report(lines, done.to_json())


def _view_lines(view: cssv.PictureView | None) -> Iterator[str]:
    """The part of the encoded picture, of copies that were cropped or scaled."""
    if view is not None and (view.origin_px != (0, 0) or view.scale != (1, 1)):
        width, height = view.size_px
        yield f"The picture has {width}x{height} pixels; {view_text(view.origin_px, view.scale)}."


def view_text(origin: tuple[int, int], scale: tuple[float, float]) -> str:
    """Place and scale of a copy's picture in the encoded clip."""
    across, down = (f"{value:.4g}" for value in scale)
    scaled = f"scaled by {across}" if across == down else f"scaled by {across} across and {down} down"
    return f"it begins at pixel {origin} of the clip, {scaled}"


def identified(done: cssv.Identity) -> Report:
    """The identity of a copy, and the originals that have it."""
    lines = [f"{done.path}: clip {done.clip}, scene {done.scene}."]
    for each in done.originals:
        if each.same_clip:
            scene = "with this scene" if each.same_scene else "with another scene"
            lines.append(f"It comes from {each.path}, {scene}.")
    if done.originals and not any(each.same_clip for each in done.originals):
        lines.append("It comes from none of the files given.")
    return Report(lines, done.to_json(), is_result=True)


def plotted(done: cssv.Plotted) -> Report:
    """The file written by ``plot``."""
    shown = count(len(done.tracks), "object")
    lines = [f"Wrote {done.path}: {done.kind} of {shown}, speeds in {done.unit}.", *notes_text(done.notes)]
    return Report(lines, done.to_json())


def room(done: cssv.Room) -> Report:
    """The file written by ``room``."""
    shown, size = count(len(done.tracks), "object"), size_text(done.bytes)
    place = "metres" if done.has_ground else "pixels, on the upright picture"
    camera = "with the camera" if done.has_camera else "without the camera, whose place is not known"
    lines = [
        f"Wrote {done.path}: {shown} in {place}, {camera}, {size}.",
        f"Paths are coloured by speed in {done.unit}.",
        *notes_text(done.notes),
    ]
    return Report(lines, done.to_json())


def exported(done: cssv.Exported) -> Report:
    """The file written by ``export``."""
    is_whole = done.path.suffix.lower() == choices.EXTENSION
    kept = "with its scene track, without other versions" if is_whole else "without the scene track"
    lines = [
        f"Wrote {done.path}: {count(done.frames, 'frame')}, pixel for pixel, {kept}.",
        *notes_text(done.notes),
        *torn_text(done.torn_bytes),
        f"Its pixels carry the heat map: cssv decode {quoted(done.path)} --objects objects.csv",
    ]
    return Report(lines, done.to_json())


def verified(done: cssv.Verification, source: Path) -> Report:
    """The faults found by ``verify``, or OK."""
    data = {"path": str(source), **done.to_json()}
    notes = [*torn_text(done.torn_bytes), *notes_text(done.notes)]
    if done.cut_bytes:
        notes.append(f"Removed {count(done.cut_bytes, 'byte')} of an unfinished append.")
    if done.is_sound:
        what = f"version {done.version}" if done.versions == 1 else f"each of {done.versions} versions"
        frames = f"{count(done.frames, 'frame')} of {what}"
        return Report([f"OK: {source}: {frames} as written.", *notes], data)
    lines = [f"{source}: {_version_of(fault)}{fault.kind}: {fault.text}" for fault in done.faults]
    return Report([*lines, *notes, count(len(lines), "fault") + "."], data, is_result=True)


def _version_of(fault: cssv.Fault) -> str:
    return "" if fault.version is None else f"version {fault.version}: "


def tracked(done: cssv.Tracked) -> Report:
    """How much ``track`` found."""
    where = f"; wrote {done.path}" if done.path else ""
    lines = [
        f"{count(len(done.tracks), 'track')}, {count(done.rows, 'row')}{where}.",
        *notes_text(done.notes),
    ]
    # Without an output file the tracks themselves are on stdout.
    return Report(lines, done.to_json(), is_remark=done.path is None)


_KINDS = {
    "cssv": "a CSSV file; its pixels carry a heat map",
    "copy": "its pixels carry a heat map; no scene track",
    "plain": "its pixels carry no heat map: it never had one, or was re-encoded or scaled",
}


def informed(found: cssv.Information) -> Report:
    """The facts found by ``info``."""
    lines = [f"{found.path}: {_KINDS[found.kind]}.", *(_row(*pair) for pair in _facts(found))]
    if found.versions:
        lines += ["  versions", *(f"    {_version_text(version)}" for version in found.versions)]
        lines += torn_text(found.torn_bytes)
    if found.boxes:
        lines.append("  boxes        offset          bytes")
        lines += [f"    {kind:<4} {offset:>12,} {size:>14,}" for kind, offset, size in found.boxes]
    if found.trajectories is not None:
        lines += equations_lines(found.trajectories)
    if found.kind == "plain" and found.path.is_file():
        lines.append(f"To embed a heat map: cssv encode {quoted(found.path)}")
    return Report(lines, found.to_json(), is_result=True)


#: Interlacing in words.
_FIELDS = {"": "", "tff": ", interlaced (top field first)", "bff": ", interlaced (bottom field first)"}
#: Facts that tell how a file was made.
_HOW = (
    "codec",
    "crf",
    "effort",
    "carrier",
    "merge",
    "fidelity",
    "window",
    "strength",
    "survive",
    "grain",
    "reach",
)


def _row(name: str, text: str) -> str:
    return f"  {name:<9} {text}"


def _facts(found: cssv.Information) -> Iterator[tuple[str, str]]:
    """Name and text of each line of ``info``."""
    video = found.video
    fields = _FIELDS[video.fields]
    yield "picture", f"{video.width}x{video.height} {video.layout}, {rate_text(float(video.rate))}{fields}"
    yield "codec", f"{video.codec} {video.pix_fmt}, {'with' if video.has_audio else 'no'} audio"
    yield "length", _length_text(found)
    yield from _begin(found)
    if video.left_out:
        yield "also", ", ".join(video.left_out)
    if found.size_bytes is not None:
        each = f", {size_text(found.size_bytes // found.frames)} per frame" if found.frames else ""
        yield "size", size_text(found.size_bytes) + each
    if found.ranges is not None:
        spans = (" ".join(pair) for pair in range_texts(found.ranges.to_json()))
        yield from zip(("rings", "", ""), spans, strict=True)
    # A whole copy begins at frame 0 and pixel (0, 0); other values show that a part was cut off.
    if found.first_frame or found.origin not in (None, (0, 0)):
        yield "part of", f"a longer or larger clip: from frame {found.first_frame}, pixel {found.origin}"
    if found.scale not in (None, (1.0, 1.0)):
        yield "scale", " x ".join(f"{value:.4g}" for value in found.scale)
    facts = found.facts or {}
    yield from _making(facts)
    noted = facts.get("notes")
    for note in (*found.notes, *(noted if isinstance(noted, list) else ())):
        yield "note", to_command_line(str(note))


def _begin(found: cssv.Information) -> Iterator[tuple[str, str]]:
    """Where a clip begins that does not begin at 0, or did not before it was encoded."""
    recorded = (found.facts or {}).get("start_s")
    if isinstance(recorded, str):
        yield "time 0", f"{recorded} s by the clock of the clip that was encoded"
    if found.video.start_s:
        yield "begins", f"at {float(found.video.start_s):.9g} s by its own clock"


def _length_text(found: cssv.Information) -> str:
    frames = "unknown" if found.frames is None else count(found.frames, "frame")
    # Containers such as Matroska give a duration but no number of frames.
    return frames if found.duration_s is None else f"{frames}, {clock(float(found.duration_s))}"


def _making(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """How a ``.cssv`` was made, as far as it records this: the facts of a foreign file may be anything."""
    if facts:
        # Version 1 of the pixels is recorded by no fact.
        known = {"carrier": choices.DEFAULT_CARRIER} | facts
        if str(known["carrier"]) in choices.DESCRIPTIONS:
            yield "pixels", choices.DESCRIPTIONS[str(known["carrier"])]
        how = ", ".join(f"{key} {known[key]}" for key in _HOW if key in known)
        yield "made by", f"cssv {facts.get('cssv', '?')}: {how}"
    source = facts.get("source")
    # The source of a stream has neither codec nor pixel format.
    if isinstance(source, dict) and any(made := [source.get(key) for key in ("codec", "pix_fmt")]):
        yield "made from", " ".join(str(value) for value in made if value)


def _version_text(version: cssv.Version) -> str:
    """One version in one line."""
    author = f" by {version.author}" if version.author else ""
    message = f": {version.message.splitlines()[0]}" if version.message.strip() else ""
    marks = f" ({', '.join(marks_of(version))})" if marks_of(version) else ""
    return f"{version.number}  {time_text(version.created_s)}{author}{marks}{message}"
