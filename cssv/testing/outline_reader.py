"""Second finder of outlines, written from cssv/template/SPEC.md alone.

It also turns the outlines of a payload into radii, from cssv/payload/SPEC.md.

It uses the standard library, and nothing of the package: where this and the package disagree, one of them or
the page is wrong. "Section" means a section of that page.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

COSINES = (
    1099511627776, 1078384820155, 1015816288660, 914210506869, 777472127994,
    610855931251, 420764883643, 214504077523, 0,
)  # fmt: skip
#: The 5 x 5 Sobel kernel: smoothing across, differences along.
SMOOTH, DIFFERENCE = (1, 4, 6, 4, 1), (-1, -2, 0, 2, 1)


def cosine(k: int) -> int:
    """C(k) of section 1."""
    k %= 32
    if k > 16:
        k = 32 - k
    return COSINES[k] if k <= 8 else -COSINES[16 - k]


def sine(k: int) -> int:
    """S(k) of section 1."""
    return cosine(k - 8)


def border(w: int, h: int, k: int) -> int:
    """Radius of the superellipse (section 1), by bisection."""
    limit = (w * h * 2**63) ** 3 // ((abs(cosine(k)) * h) ** 3 + (abs(sine(k)) * w) ** 3)
    low, high = 0, 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**3 <= limit else (low, middle)
    return low


def inner(value: Fraction) -> int:
    """The nearest integer, halves towards 0."""
    whole, rest = divmod(abs(value), 1)
    found = int(whole) + (rest > Fraction(1, 2))
    return found if value >= 0 else -found


def edge(luma: Sequence[Sequence[int]], x: int, y: int) -> int:
    """E at a pixel: section 10 of the page of the nibble carrier."""
    height, width = len(luma), len(luma[0])

    def sobel(right: Sequence[int], down: Sequence[int]) -> int:
        total = 0
        for j in range(5):
            row = luma[min(max(y + j - 2, 0), height - 1)]
            for i in range(5):
                total += right[i] * down[j] * (row[min(max(x + i - 2, 0), width - 1)] >> 4)
        return abs(total)

    return sobel(DIFFERENCE, SMOOTH) + sobel(SMOOTH, DIFFERENCE)


def strengths(luma: Sequence[Sequence[int]], box: tuple[int, int, int, int], k: int) -> list[int | None]:
    """Strengths of the samples of a direction, None outside the frame (section 2, step 1)."""
    x, y, w, h = box
    radius, found = border(w, h, k), []
    ends = [(radius * part + 2**39) // 2**40 for part in (cosine(k), sine(k))]
    for i in range(28):
        right, down = (inner(Fraction((405 + 25 * i) * end, 900 * 2**24)) for end in ends)
        column, row = x + w // 2 + right, y + h // 2 + down
        inside = 0 <= row < len(luma) and 0 <= column < len(luma[0])
        found.append(edge(luma, column, row) if inside else None)
    return found


def share(samples: Sequence[int | None], twice_median: int) -> int:
    """a(k) of section 2, step 4."""
    seen = [sample or 0 for sample in samples]
    for i in range(26, 0, -1):
        here = seen[i]
        strong = here >= 1 and 10 * here >= 8 * twice_median and 2 * here >= max(seen)
        if strong and here >= seen[i + 1] and here > seen[i - 1]:
            return 405 + 25 * i
    return 828


def find_outline(luma: Sequence[Sequence[int]] | None, box: tuple[int, int, int, int]) -> tuple[bytes, int]:
    """The 32 radius bytes of a box and their shift (section 2).

    Args:
        luma: rows of brightness; None where there is no cover.
        box: x, y, w, h in whole pixels.
    """
    n = [5400] * 32
    if luma is not None:
        rays = [strengths(luma, box, k) for k in range(32)]
        known = sorted(sample for ray in rays for sample in ray if sample is not None)
        twice = known[(len(known) - 1) // 2] + known[len(known) // 2] if known else 0
        a = [share(ray, twice) for ray in rays]
        around = [[a[(k + step) % 32] for step in (-2, -1, 0, 1, 2)] for k in range(32)]
        n = [3 * sorted(shares)[2] + sum(shares[1:4]) for shares in around]
    return pack([Fraction(n[k] * border(box[2], box[3], k), 5400 * 2**24) for k in range(32)])


def held_outline(shares: Sequence[int], box: tuple[int, int, int, int]) -> tuple[bytes, int]:
    """The same of an outline that a payload holds (section 8 of the page of the payload).

    Args:
        shares: in units of 1/16384, as the second reader of payloads finds them.
        box: x, y, w, h in whole pixels.
    """
    borders = [5400 * border(box[2], box[3], k) for k in range(32)]
    radii = [(radius >> 7) * share >> 7 for radius, share in zip(borders, shares, strict=True)]
    return pack([Fraction(radius, 5400 * 2**24) for radius in radii])


def pack(radii: Sequence[Fraction]) -> tuple[bytes, int]:
    """The radius bytes and the shift of radii in pixels (section 2, step 7)."""
    shift = next((shift for shift in range(6) if max(radii) <= 255 << shift), 6)
    return bytes(min(max(inner(radius / 2**shift), 1), 255) for radius in radii), shift
