"""The lanes of the version graph: the parent of each row can be read from the characters alone."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from cssv_cli.graph import draw_blocks


def draw_graph(rows, heights=None):
    """All lines of the drawing, one under the other."""
    blocks = draw_blocks(rows, [1] * len(rows) if heights is None else heights)
    return [line for block in blocks for line in block]


@st.composite
def forests(draw, most=14):
    """Rows of a forest, newest first; numbers may have gaps, as after a compaction."""
    numbers = draw(st.lists(st.integers(1, 99), min_size=1, max_size=most, unique=True).map(sorted))
    rows = [
        (number, draw(st.sampled_from([0, *numbers[max(0, k - 6) : k]]))) for k, number in enumerate(numbers)
    ]
    return rows[::-1]


def follow(lines, line, column):
    """Walk down from a ``*``; the line and column of the next ``*``, or None where nothing goes on."""
    while (line := line + 1) < len(lines):
        here = dict(enumerate(lines[line]))
        below = here.get(column)
        if below == "*":
            return line, column
        if below == "|":
            continue
        if here.get(column - 1) == "/":
            column -= 2
        elif here.get(column + 1) == "\\":
            column += 2
        else:
            return None
    return None


def traced(rows, lines):
    """Number and parent of each row by the characters alone."""
    stars = [(k, column) for k, text in enumerate(lines) for column, c in enumerate(text) if c == "*"]
    assert len(stars) == len(rows)
    assert len({line for line, _ in stars}) == len(stars), "one * per line"
    numbers = dict(zip(stars, (number for number, _ in rows), strict=True))
    return [(number, numbers.get(follow(lines, *star), 0)) for star, number in numbers.items()]


def no_stray_ends(lines):
    """Whether every character hangs on one above it and, but for a root's *, leads on below."""
    for upper, lower in zip(["", *lines], [*lines, ""], strict=True):
        tops, ends = {}, set()
        for column, c in enumerate(lower):
            if c in "|*/\\":
                tops[column] = {"|": column, "*": column, "/": column + 1, "\\": column - 1}[c]
        for column, c in enumerate(upper):
            if c in "|*/\\":
                ends.add({"|": column, "*": column, "/": column - 1, "\\": column + 1}[c])
        assert all(top in ends for column, top in tops.items() if lower[column] != "*"), (upper, lower)
        loose = ends - set(tops.values()) - {column for column, c in enumerate(upper) if c == "*"}
        assert not loose, (upper, lower)


@given(forests(), st.randoms(use_true_random=False))
@example([(3, 0), (2, 0), (1, 0)], None)
@example([(8, 4), (7, 3), (6, 2), (5, 1), (4, 1), (3, 0), (2, 0), (1, 0)], None)
@example([(7, 0), (6, 3), (5, 2), (4, 3), (3, 0), (2, 1), (1, 0)], None)
def test_following_the_lines_leads_to_the_parent(rows, random):
    heights = [1 if random is None else random.randint(1, 3) for _ in rows]
    lines = draw_graph(rows, heights)
    assert traced(rows, lines) == rows
    no_stray_ends(lines)
    assert all(line == line.rstrip() for line in lines)
    assert set("".join(lines)) <= set("*|/\\ ")


@given(forests())
def test_blocks_hold_the_text_lines_first(rows):
    heights = [1 + number % 3 for number, _ in rows]
    blocks = draw_blocks(rows, heights)
    for block, height in zip(blocks, heights, strict=True):
        assert "*" in block[0]
        assert not any("*" in line for line in block[1:])
        assert len(block) >= height
        assert not set("".join(block[1:height])) & set("/\\")


@given(forests())
def test_lanes_are_as_many_as_needed(rows):
    """A row's line is no wider than the versions whose parent is still to come, and its own lane."""
    parents = dict(rows)
    for (number, _), (first, *_) in zip(rows, draw_blocks(rows, [1] * len(rows)), strict=True):
        passing = [child for child in parents if child > number and 0 < parents[child] < number]
        assert len(first) <= 2 * len(passing) + 1


@given(st.integers(1, 40))
def test_a_line_of_versions_is_a_column_of_stars(count):
    rows = [(number, number - 1) for number in range(count, 0, -1)]
    assert draw_graph(rows) == ["*"] * count
    assert draw_graph(rows, [3] * count) == ["*", "|", "|"] * (count - 1) + ["*", "", ""]


def test_a_branch():
    rows = [(6, 5), (5, 3), (4, 2), (3, 2), (2, 1), (1, 0)]
    assert draw_graph(rows) == ["*", "*", "| *", "* |", "|/", "*", "*"]


def test_a_lane_in_between_pushes_others_aside():
    rows = [(5, 1), (4, 2), (3, 1), (2, 0), (1, 0)]
    assert draw_graph(rows) == ["*", "| *", "|  \\", "| * |", "| | *", "|/", "*"]


def test_roots_do_not_read_as_parent_and_child():
    assert draw_graph([(2, 0), (1, 0)]) == ["*", "", "*"]


def test_a_parent_that_is_not_there_is_none():
    assert draw_graph([(9, 7), (4, 9)]) == ["*", "", "*"]
    assert draw_graph([(1, 1)]) == ["*"]
    assert draw_graph([]) == []


def test_the_most_versions_a_file_holds():
    rows = [(number, number - 1) for number in range(65_535, 0, -1)]
    assert len(draw_graph(rows)) == 65_535
