"""Reports of the commands on versions: commit, log, diff, checkout, tag and gc."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cssv
from cssv_cli.graph import draw_blocks
from cssv_cli.report import Report, marks_of, notes_text, time_text, torn_text
from cssv_cli.words import count, quoted, size_text

#: Runs of frames that a text lists; JSON has all.
_LISTED = 8


def committed(done: cssv.Committed) -> Report:
    """The version appended by ``commit``, and how to compare it or go back."""
    path = quoted(done.path)
    lines = [
        f"Version {done.version} of {done.path} plays now; it was made from version {done.parent}.",
        f"{_share_text(done.frames_changed, done.frames)} changed, "
        f"{count(done.frames_coded, 'frame')} encoded again, {size_text(done.bytes_added)} added.",
        *notes_text(done.notes),
        f"See what changed: cssv diff {path} {done.parent} {done.version}",
        f"Go back:          cssv checkout {path} --version {done.parent}",
    ]
    return Report(lines, done.to_json())


def logged(found: cssv.History, *, graph: bool) -> Report:
    """The versions listed by ``log``, newest first."""
    versions = found.versions[::-1]
    texts = [list(_version_lines(version)) for version in versions]
    if graph:
        rows = [(version.number, version.parent) for version in versions]
        blocks = draw_blocks(rows, [len(text) for text in texts])
        lines = [line for block, text in zip(blocks, texts, strict=True) for line in _beside(block, text)]
    else:
        lines = [line for text in texts for line in (text[0], *(f"    {more}" for more in text[1:]))]
    lines += [*notes_text(found.notes), *torn_text(found.torn_bytes)]
    return Report(lines, found.to_json(), is_result=True)


def _beside(lanes: tuple[str, ...], text: list[str]) -> Iterator[str]:
    """The text of a version to the right of its lanes, which may have more lines."""
    width = max(map(len, lanes)) + 2
    for row, lane in enumerate(lanes):
        yield f"{lane:<{width}}{text[row] if row < len(text) else ''}".rstrip()


def _version_lines(version: cssv.Version) -> Iterator[str]:
    """One version in two or more lines."""
    marks = f"  ({', '.join(marks_of(version))})" if marks_of(version) else ""
    author = f"  {version.author}" if version.author else ""
    yield f"version {version.number}{marks}  {time_text(version.created_s)}{author}"
    yield from (f"  {line}" for line in version.message.splitlines())
    origin = f"from version {version.parent}" if version.parent else "the first in this file"
    added = f", {size_text(version.bytes_added)} added" if version.bytes_added else ""
    yield f"  {origin}: {_share_text(version.frames_changed, version.frames)} changed{added}"


def checked_out(version: cssv.Version, path: Path) -> Report:
    """The version chosen by ``checkout``."""
    text = f"Version {version.number} of {path} plays now."
    return Report([text], {"path": str(path), "version": version.to_json()})


def tagged(version: cssv.Version, name: str, *, delete: bool) -> Report:
    """The version whose tag was set or deleted by ``tag``."""
    text = f"Version {version.number} {'no longer has' if delete else 'now has'} the tag {name}."
    return Report([text], {"tag": name, "deleted": delete, "version": version.to_json()})


def choices_text(found: cssv.History) -> str:
    """The numbers and tags by which a version can be chosen."""
    numbers = f"{found.versions[0].number} to {found.versions[-1].number}"
    names = sorted(name for version in found.versions for name in version.tags)
    listed = ", ".join(names[:_LISTED]) + (" ..." if len(names) > _LISTED else "")
    return f"a number ({numbers})" + (f" or a tag ({listed})" if names else "")


def tags(found: cssv.History) -> Report:
    """All tags of a file, by name."""
    pairs = sorted((name, version.number) for version in found.versions for name in version.tags)
    lines = [f"{name}  version {number}" for name, number in pairs]
    # Where the tags are not known, a note says so.
    lines += notes_text(found.notes) or ([] if pairs else ["No version has a tag yet."])
    data = {"path": str(found.path), "tags": dict(pairs), "notes": list(found.notes)}
    return Report(lines, data, is_result=True)


def recovered(done: cssv.Recovered) -> Report:
    """The file completed by ``recover``."""
    size = size_text(done.bytes)
    lines = [f"Recovered {done.path}: {count(done.frames, 'frame')}, {size}. It was read back and is sound."]
    if done.others:
        others = count(done.others, "older recording")
        lines.append(f"{others} of this name can be recovered too: repeat the command with -o NAME.")
    return Report(lines, done.to_json())


def compacted(done: cssv.Compacted) -> Report:
    """The file written by ``gc``, and the versions left out."""
    # A copy is larger than its source where one version was all there was.
    saved = max(done.source_bytes - done.bytes, 0)
    lines = [
        f"Wrote {done.path} with {_numbers_text(done.versions)}: {size_text(done.bytes)}, "
        f"{size_text(saved)} less than before. It was read back and is sound.",
    ]
    if done.dropped:
        lines.append(f"Left out: {_numbers_text(done.dropped)}. The old file was not changed.")
    lines += notes_text(done.notes)
    return Report(lines, done.to_json())


def differed(found: cssv.Difference, picture: Path | None) -> Report:
    """The differences found by ``diff``."""
    before, after = found.before.number, found.after.number
    if not (found.scene or found.objects or found.frames):
        text = f"Versions {before} and {after} of {found.path} are the same."
        return Report([text], found.to_json(), is_result=True)
    lines = [f"{found.path}: version {before} -> version {after}"]
    for title, changes in (("Scene", found.scene), ("Objects", found.objects)):
        lines += [f"{title}:", *(f"  {change.words}" for change in changes)] if changes else []
    lines += _pixel_lines(found)
    if found.picture is not None:
        lines.append(f"Wrote {found.picture}.")
    elif picture is not None:
        # A picture was asked for, so its absence needs a reason.
        lines += notes_text(["no pixel differs, so there is no picture"])
    return Report(lines, found.to_json(), is_result=True)


def _pixel_lines(found: cssv.Difference) -> list[str]:
    if found.worst is None:
        return ["Pixels: the same in every frame."]
    runs = _runs_text(found.frame_runs)
    return [
        f"Pixels: {_share_text(len(found.frames), found.total)} differ: {runs}.",
        f"  most in {found.worst.words}",
    ]


# ---- parts


def _runs_text(runs: Sequence[tuple[int, int]]) -> str:
    """The first few runs of frame numbers."""
    texts = [str(low) if low == high else f"{low}-{high}" for low, high in runs[:_LISTED]]
    return ", ".join(texts) + (f" and {len(runs) - _LISTED} more runs" if len(runs) > _LISTED else "")


def _numbers_text(versions: tuple[int, ...]) -> str:
    return f"version{'' if len(versions) == 1 else 's'} {', '.join(map(str, versions))}"


def _share_text(part: int, whole: int) -> str:
    return f"{part:,} of {count(whole, 'frame')}"
