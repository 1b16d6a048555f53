"""What tests ask of container files beside what :class:`cssv.container.Reader` offers."""

from __future__ import annotations

from cssv.container import Problem, Reader, find_problems


def problems_of(reader: Reader) -> list[Problem]:
    """All problems of a file, with the version that the reader shows checked first."""
    return list(find_problems(reader.archive, reader.version))


def duration_of(reader: Reader, track: int, sample: int) -> int:
    """How long a sample is shown, in the track's media units."""
    table = reader.track(track).table
    return table.time(sample + 1) - table.time(sample)
