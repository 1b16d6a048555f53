"""Versions in words for people, and in JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cssv
from cssv.container.runs import runs_of
from cssv_cli.graph import draw_blocks
from cssv_cli.report import Report, marks_of, notes_text, time_text, torn_text
from cssv_cli.words import count, quoted, size_text


def committed(done: cssv.Committed) -> Report:
    """What ``commit`` did."""
    path = quoted(done.path)
    lines = [
        f"Version {done.version} of {done.path} plays now; it was made from version {done.parent}.",
        f"{share_text(done.frames_changed, done.frames)} changed, "
        f"{count(done.frames_coded, 'frame')} coded anew, {size_text(done.bytes_added)} added.",
        *notes_text(done.notes),
        f"See what changed: cssv diff {path} {done.parent} {done.version}",
        f"Go back:          cssv checkout {path} --version {done.parent}",
    ]
    return Report("\n".join(lines), done.to_json())


def logged(found: cssv.History, *, graph: bool) -> Report:
    """What ``log`` found."""
    versions = found.versions[::-1]
    texts = [list(version_lines(version)) for version in versions]
    if graph:
        rows = [(version.number, version.parent) for version in versions]
        blocks = draw_blocks(rows, [len(text) for text in texts])
        lines = [line for block, text in zip(blocks, texts, strict=True) for line in _beside(block, text)]
    else:
        lines = [line for text in texts for line in (text[0], *(f"    {more}" for more in text[1:]))]
    return Report("\n".join([*lines, *torn_text(found.torn_bytes)]), found.to_json(), is_result=True)


def _beside(lanes: tuple[str, ...], text: list[str]) -> Iterator[str]:
    """A version's text to the right of its lanes, which may be longer."""
    width = max(map(len, lanes)) + 2
    for row, lane in enumerate(lanes):
        yield f"{lane:<{width}}{text[row] if row < len(text) else ''}".rstrip()


def version_lines(version: cssv.Version) -> Iterator[str]:
    """One version in two or more lines."""
    marks = f"  ({', '.join(marks_of(version))})" if marks_of(version) else ""
    author = f"  {version.author}" if version.author else ""
    yield f"version {version.number}{marks}  {time_text(version.created_s)}{author}"
    yield from (f"  {line}" for line in version.message.splitlines())
    origin = f"from version {version.parent}" if version.parent else "the first in this file"
    added = f", {size_text(version.bytes_added)} added" if version.bytes_added else ""
    yield f"  {origin}: {share_text(version.frames_changed, version.frames)} changed{added}"


def checked_out(version: cssv.Version, path: Path) -> Report:
    """What ``checkout`` did."""
    text = f"Version {version.number} of {path} plays now."
    return Report(text, {"path": str(path), "version": version.to_json()})


def tagged(version: cssv.Version, name: str, *, delete: bool) -> Report:
    """What ``tag`` did."""
    text = f"Version {version.number} is {'no longer' if delete else 'now'} called {name}."
    return Report(text, {"tag": name, "deleted": delete, "version": version.to_json()})


def tags(found: cssv.History) -> Report:
    """The names of the versions."""
    pairs = sorted((name, version.number) for version in found.versions for name in version.tags)
    lines = [f"{name}  version {number}" for name, number in pairs] or ["No version has a tag yet."]
    return Report("\n".join(lines), {"path": str(found.path), "tags": dict(pairs)}, is_result=True)


def compacted(done: cssv.Compacted) -> Report:
    """What ``gc`` did."""
    saved = done.source_bytes - done.bytes
    lines = [
        f"Wrote {done.path} with {_numbers(done.versions)}: {size_text(done.bytes)}, "
        f"{size_text(max(saved, 0))} less than before. It was read back and is sound.",
    ]
    if done.dropped:
        lines.append(f"Left out: {_numbers(done.dropped)}. The old file is as it was.")
    return Report("\n".join(lines), done.to_json())


def differed(found: cssv.Difference, picture: Path | None) -> Report:
    """What ``diff`` found."""
    before, after = found.before.number, found.after.number
    if not (found.scene or found.objects or found.frames):
        text = f"Versions {before} and {after} of {found.path} are the same."
        return Report(text, found.to_json(), is_result=True)
    lines = [f"{found.path}: version {before} -> version {after}"]
    for title, changes in (("Scene", found.scene), ("Objects", found.objects)):
        lines += [f"{title}:", *(f"  {change.words}" for change in changes)] if changes else []
    if found.worst is None:
        lines.append("Pixels: the same in every frame.")
    else:
        runs = frames_text([change.frame for change in found.frames])
        lines += [
            f"Pixels: {share_text(len(found.frames), found.total)} differ: {runs}.",
            f"  most in {found.worst.words}",
        ]
    if found.picture is not None:
        lines.append(f"Wrote {found.picture}.")
    elif picture is not None:
        lines += notes_text(["no pixel differs, so there is no picture"])
    return Report("\n".join(lines), found.to_json(), is_result=True)


# ---- parts


def frames_text(numbers: Sequence[int], most: int = 8) -> str:
    """Ascending frame numbers as ranges, the first few of them."""
    runs = runs_of(numbers)
    texts = [str(low) if low == high else f"{low}-{high}" for low, high in runs[:most]]
    return ", ".join(texts) + (f" and {len(runs) - most} more runs" if len(runs) > most else "")


def _numbers(versions: tuple[int, ...]) -> str:
    return f"version{'' if len(versions) == 1 else 's'} {', '.join(map(str, versions))}"


def share_text(part: int, whole: int) -> str:
    """So many frames of so many."""
    return f"{part:,} of {count(whole, 'frame')}"
