"""Second reader of payloads, written from ``cssv/payload/SPEC.md`` and ``priors.json`` alone.

It imports nothing of the library and favours the order of that page over speed.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from cssv.testing.payload_decoder import Decoder, PayloadError, Priors, check, open_envelope
from cssv.testing.payload_part import read_part

__all__ = ["PayloadError", "open_envelope", "read_payload"]

_LABELS = (
    "person", "car", "bicycle", "motorcycle", "bus", "truck", "train", "boat", "airplane", "drone", "dog",
    "cat", "bird", "horse", "sheep", "cow", "object", "vehicle", "animal", "pedestrian", "cart", "van",
)  # fmt: skip
_GOALS = {"goal_m": (2, -1e9, 1e9, 10), "goal_px": (2, -1e6, 1e6, 10)}
_TIME_BASES = tuple(
    map(
        Fraction,
        (
            "1/25", "1/30", "1001/30000", "1/24", "1001/24000", "1/50", "1/60", "1001/60000", "1/5", "1/7",
            "1/8", "1/10", "1/12", "1/15", "1/20", "1/100", "1/120", "1/1000", "1/90000", "1/12800",
            "1/15360", "1/12288", "1/30000", "1/24000", "1/60000", "1/16000", "1/10240", "1/14", "1/600",
            "1/48000",
        ),
    )
)  # fmt: skip
_SIZES = (
    [1920, 1080], [1280, 720], [640, 480], [3840, 2160], [640, 360], [768, 576], [320, 240], [720, 576],
    [720, 480], [352, 288], [176, 144], [1024, 768], [800, 600], [854, 480], [960, 540], [1280, 960],
    [1280, 1024], [1600, 1200], [1440, 1080], [2560, 1440], [4096, 2160], [1080, 1920], [720, 1280],
    [480, 640], [1080, 1080], [704, 576], [704, 480], [2048, 1536], [2592, 1944], [160, 120],
)  # fmt: skip
_METHODS = ("constant", "line", "piecewise", "spline", "deltas", "bends")
_SELECTORS = ("rings", "comet", "edges", None)
_FLAGS = ("is_given", "has_motion", "has_turn", "has_temperature", "has_density")
_RANGES = (("speed_px_s", 5), ("temperature_c", 5), ("density_kg_m3", 50))


def _curve(decoder: Decoder, channel: str, pts: list[int], bound: int, expected: int) -> list[int]:
    """Section 5: the values of a channel at the times of its frames."""
    method = decoder.symbol(f"{channel}.method", 6)
    coarse = decoder.decision(f"{channel}.coarse", method) if method in (0, 4, 5) else 0
    grid, name = bound * (1 + coarse), _METHODS[method]
    count = {0: 1, 1: 2, 4: len(pts), 5: len(pts)}.get(method, 0)
    count = count or 3 + decoder.unsigned(f"{channel}.{name}.points", 29)
    group = f"{channel}.{'coarse' if coarse else 'fine'}"
    start = min(max((2 * expected + grid) // (2 * grid), -131072), 131072)
    points = [start + decoder.signed(f"{group}.first", 262144)]
    check(abs(points[0]) <= 131072, "a point is too large")
    while len(points) < count:
        if method in (1, 4):
            point = points[-1] + decoder.signed(f"{group}.{name}", 524288)
        elif len(points) == 1:
            point = points[-1] + decoder.signed(f"{group}.{name}.step{min(count, 5)}", 524288)
        else:
            point = 2 * points[-1] - points[-2] + decoder.signed(f"{group}.{name}.bend", 524288)
        check(abs(point) <= 131072, "a point is too large")
        points.append(point)
    if method in (4, 5):
        return [grid * point for point in points]
    degree = {0: 0, 3: min(3, count - 1)}.get(method, 1)
    return [_value(points, degree, grid, a) for a in _abscissae(pts)]


def _abscissae(pts: list[int]) -> list[int]:
    return [(p - pts[0]) * 65536 // (pts[-1] - pts[0]) if len(pts) > 1 else 0 for p in pts]


def _value(points: list[int], degree: int, grid: int, a: int) -> int:
    intervals, T = len(points) - degree, 1024
    f = min(a * intervals >> 16, intervals - 1)
    t = a * intervals - (f << 16) >> 6
    v = T - t
    weights, divisor = (
        ([1], 1),
        ([v, t], T),
        ([v**2, T**2 + 2 * t * v, t**2], 2 * T**2),
        (
            [
                v**3,
                3 * t**3 - 6 * T * t**2 + 4 * T**3,
                -3 * t**3 + 3 * T * t**2 + 3 * T**2 * t + T**3,
                t**3,
            ],
            6 * T**3,
        ),
    )[degree]
    total = sum(weight * points[f + k] for k, weight in enumerate(weights))
    return (2 * grid * total + divisor) // (2 * divisor)


def _listed(decoder: Decoder, known: Sequence[Any]) -> Any:
    """An entry of a list, or None for one that follows."""
    index = decoder.raw(5)
    check(index <= len(known), "index")
    return known[index - 1] if index else None


def _head(decoder: Decoder) -> dict[str, Any]:
    """Section 6."""
    time_base = _listed(decoder, _TIME_BASES)
    if time_base is None:
        numerator, denominator = decoder.unsigned("time_base"), decoder.unsigned("time_base")
        check(min(numerator, denominator) >= 1, "time base")
        time_base = Fraction(numerator, denominator)
    step = 1 + decoder.unsigned("step")
    usual = (4 * time_base.denominator // (step * time_base.numerator) + 1) >> 1
    usual = min(max(usual, 1), 1024)
    count = usual + decoder.signed("frames", 1024)
    check(1 <= count <= 1024, "frames")
    number = usual * decoder.unsigned("number") + decoder.unsigned("number.rest", usual - 1)
    if decoder.decision("start.far", 0):
        start = decoder.raw(64)
        start -= 2**64 if start >= 2**63 else 0
    else:
        start = number * step + decoder.signed("start")
    even, pts = decoder.decision("even", 0), [start]
    for _ in range(count - 1):
        pts.append(pts[-1] + step + (0 if even else decoder.signed("jitter")))
        check(pts[-1] > pts[-2], "times")
    size = _listed(decoder, _SIZES) or [decoder.unsigned("side", 16384) for _ in range(2)]
    bound = decoder.unsigned("bound", 1024)
    check(min(size) >= 32 and bound >= 1, "head")
    ranges = {}
    for name, unit in _RANGES:
        if decoder.decision(f"{name}.plain", 0):
            ends = [float(unit * decoder.signed(f"{name}.{end}")) for end in ("low", "high")]
        else:
            ends = [struct.unpack(">f", decoder.raw(32).to_bytes(4, "big"))[0] for _ in range(2)]
        check(float("-inf") < ends[0] < ends[1] < float("inf"), name)
        ranges[name] = ends
    return {
        "number": number,
        "pts": pts,
        "time_base": str(time_base),
        "size": size,
        "ranges": ranges,
        "bound": bound,
        "scene": read_part(decoder, size),
    }


def _channels(flags: Mapping[str, int], box_bound: int) -> list[tuple[str, int]]:
    """Section 7, the table: channels and their bounds."""
    found = [(channel, box_bound) for channel in ("foot", "height", "width", "centre")]
    if flags["has_motion"]:
        found += [("sigma", 16), ("velocity_x", 11), ("velocity_y", 11)]
        if flags["has_turn"]:
            found += [("turn_x", 11), ("turn_y", 11)]
    for name in ("temperature", "density"):
        if flags[f"has_{name}"]:
            found += [(name, 16), (f"{name}_certainty", 16)]
    return found


class _Segments:
    """Section 7, with what a segment takes from those before it."""

    def __init__(self, decoder: Decoder, head: dict[str, Any]) -> None:
        self._decoder, self._head = decoder, head
        self._has_outline = 2
        self._track, self._reach, self._flags = 0, 0, dict.fromkeys(_FLAGS, 2)
        self._texts: dict[str, list[str]] = {"label": list(_LABELS), "name": []}
        self._goals: dict[str, list[Any]] = {goal: [] for goal in _GOALS}
        self._first: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._sizes: list[tuple[int, int, int]] = []
        self._is_first, self._frames = True, 0

    def _outline(self) -> list[int] | None:
        decoder = self._decoder
        self._has_outline = decoder.decision("outline", self._has_outline)
        if not self._has_outline:
            return None
        found = [decoder.signed(f"outline.{k}", 64) + (15 if k == 0 else 0) for k in range(8)]
        check(max(map(abs, found)) <= 32, "outline")
        return found

    def _goal(self, kind: str) -> Any:
        decoder = self._decoder
        return decoder.indexed(kind, self._goals[kind], lambda: decoder.sensed(*_GOALS[kind]))

    def _expected(self, channel: str, *, continues: bool) -> int:
        if channel.startswith(("velocity", "turn")):
            return 0
        if continues:
            return self._last.get(channel, 0)
        if channel in ("height", "width"):
            foot = self._first["foot"]
            _, high, wide = min(self._sizes, key=lambda size: abs(size[0] - foot), default=(0, 0, 0))
            if channel == "height":
                return high
            high, wide = (high, wide) if high >= 1 else (5, 2)
            return self._first["height"] * wide // high
        return 0 if channel in ("foot", "centre") else self._first.get(channel, 0)

    def read(self) -> dict[str, Any]:
        """The next segment."""
        decoder, frames = self._decoder, len(self._head["pts"])
        model = "track.first" if self._is_first else "track"
        track = self._track + decoder.unsigned(model, 2**32 - 2 - self._track)
        start = decoder.unsigned("begin", frames - 1)
        count = frames - start - decoder.unsigned("end", frames - 1 - start)
        self._frames += count
        check(self._frames <= 131072, "too many frames")
        label, name = (decoder.indexed(kind, self._texts[kind], decoder.text) for kind in ("label", "name"))
        selector = _SELECTORS[decoder.symbol("selector", 4)]
        self._flags = {flag: decoder.decision(flag, self._flags[flag]) for flag in _FLAGS}
        goals = {goal: self._goal(goal) for goal in _GOALS}
        score, outline = decoder.symbol("score", 17), self._outline()
        continues, self._track, self._is_first = track == self._track and not self._is_first, track, False
        pts = self._head["pts"][start : start + count]
        values: dict[str, list[int]] = {}
        reach = 0
        for channel, bound in _channels(self._flags, self._head["bound"]):
            if channel == "sigma":
                self._reach = reach = decoder.symbol(f"reach{self._reach}", 4)
            expected = self._expected(channel, continues=continues)
            values[channel] = _curve(decoder, channel, pts, bound, expected)
            self._first[channel], self._last[channel] = values[channel][0], values[channel][-1]
        self._sizes.append((values["foot"][0], values["height"][0], values["width"][0]))
        flags = {flag: bool(value) for flag, value in self._flags.items()}
        facts = {"track": track, "start": start, "count": count, "label": label or "", "name": name}
        return (
            facts
            | flags
            | goals
            | {
                "selector": selector,
                "score": score,
                "outline": outline,
                "shares": outline and _shares(outline),
                "reach": reach,
                "values": values,
                "slopes": _slopes(self._head, pts, values, reach),
            }
        )


def _shares(outline: list[int]) -> list[int]:
    """Section 8: shares of an outline in 32 directions."""
    found = []
    for j in range(32):
        cosines = [round(1024 * math.cos(math.pi * k * (2 * j + 1) / 64)) for k in range(8)]
        total = sum(number * cosine for number, cosine in zip(outline, cosines, strict=True))
        found.append(min(max(total, 4096), 32768))
    return found


def _slopes(
    head: dict[str, Any], pts: list[int], values: dict[str, list[int]], reach: int
) -> list[list[int]]:
    """Section 8: slopes along x and y."""
    if len(pts) == 1:
        return [[0, 0]]
    low, high = map(Fraction, head["ranges"]["speed_px_s"])
    scale = 512 / (32 * Fraction(head["time_base"]) * (high - low))
    reach, found = max(1, len(head["pts"]) // (4, 2, 8, 16)[reach]), []
    places = (
        [2 * x for x in values["centre"]],
        [2 * foot - height for foot, height in zip(values["foot"], values["height"], strict=True)],
    )
    for k in range(len(pts)):
        f, last = max(0, k - reach), min(len(pts) - 1, k + reach)
        exact = [(y[last] - y[f]) * scale / (pts[last] - pts[f]) for y in places]
        found.append([min(max(slope.__floor__(), -(2**40)), 2**40) for slope in exact])
    return found


def read_payload(data: bytes, priors: Priors) -> dict[str, Any]:
    """A payload as plain values.

    Raises:
        PayloadError: the bytes are no payload.
    """
    decoder = Decoder(open_envelope(data), priors)
    head = _head(decoder)
    count = decoder.unsigned("segments", 4096)
    segments = _Segments(decoder, head)
    found = [segments.read() for _ in range(count)]
    decoder.finish()
    return head | {"segments": found}
