"""Second reader of payloads, written from ``cssv/payload/SPEC.md`` and ``priors.json`` alone.

It imports nothing of the library and favours the order of that page over speed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

_LABELS = (
    "person", "car", "bicycle", "motorcycle", "bus", "truck", "train", "boat", "airplane", "drone", "dog",
    "cat", "bird", "horse", "sheep", "cow", "object", "vehicle", "animal", "pedestrian", "cart", "van",
)  # fmt: skip
_SELECTORS = ("rings", "comet", "edges", None)
_FLAGS = ("is_given", "has_motion", "has_turn", "has_temperature", "has_density")
_RANGES = (("speed_px_s", 5), ("temperature_c", 5), ("density_kg_m3", 50))
Priors = Mapping[str, Mapping[str, list[int]]]


class PayloadError(ValueError):
    """Bytes that are no payload of version 1."""


def _check(condition: bool, what: str) -> None:
    if not condition:
        raise PayloadError(what)


def open_envelope(data: bytes) -> bytes:
    """Section 1: the content."""
    _check(len(data) >= 9, "truncated")
    magic, version, length = struct.unpack(">HBH", data[:5])
    _check(magic == 0xC5FA and version == 1, "another format")
    _check(length <= 32768 and length + 9 <= len(data), "length")
    (checksum,) = struct.unpack(">I", data[5 + length : 9 + length])
    _check(checksum == zlib.crc32(data[: 5 + length]), "checksum")
    return data[5 : 5 + length]


class Decoder:
    """Sections 2 to 4."""

    def __init__(self, content: bytes, priors: Priors) -> None:
        self._content, self._priors = content, priors
        self._states: dict[tuple[str, int], tuple[int, int]] = {}
        self._at, self._range, self._code, self._count = 0, 2**32 - 1, 0, 0
        for _ in range(4):
            self._code = self._code * 256 + self._byte()

    def _byte(self) -> int:
        self._at += 1
        return self._content[self._at - 1] if self._at <= len(self._content) else 0

    def finish(self) -> None:
        """Check that all bytes were read."""
        _check(self._at >= len(self._content), "bytes are left over")

    def _decide(self, bound: int) -> int:
        bit: int
        self._count += 1
        _check(self._count <= 2**21, "too many decisions")
        if self._code < bound:
            bit, self._range = 1, bound
        else:
            bit, self._code, self._range = 0, self._code - bound, self._range - bound
        while self._range < 2**24:
            self._range *= 256
            self._code = (self._code * 256 + self._byte()) % 2**32
        return bit

    def decision(self, model: str, node: int) -> int:
        """One decision of a model, which is adapted."""
        key = model, node
        one, seen = self._states.get(key) or self._priors.get(model, {}).get(str(node)) or (32768, 0)
        bit = self._decide((self._range >> 16) * one)
        if seen != 255:
            rate = 131072 // (2 * min(seen, 40) + 3)
            one += ((65536 if bit else 0) - one) * rate >> 16
            self._states[key] = min(max(one, 32), 65504), min(seen + 1, 40)
        return bit

    def raw(self, bits: int) -> int:
        """A raw number."""
        value = 0
        for _ in range(bits):
            value = 2 * value + self._decide(self._range >> 1)
        return value

    def unsigned(self, model: str, most: int = 2**32 - 2) -> int:
        """An unsigned integer."""
        bits = 0
        while bits < 31 and self.decision(model, bits):
            bits += 1
        node, value = 32 + 4 * bits, 1
        for _ in range(min(bits, 2)):
            bit = self.decision(model, node)
            value, node = 2 * value + bit, node + 1 + bit
        rest = max(bits - 2, 0)
        value = (value << rest) + self.raw(rest) - 1
        _check(value <= most, f"{model} is too large")
        return value

    def signed(self, model: str, most: int = 2**32 - 2) -> int:
        """A signed integer."""
        value = self.unsigned(model, most)
        return -value if value and self.decision(model, 160) else value

    def symbol(self, model: str, count: int) -> int:
        """A symbol."""
        bits, node = (count - 1).bit_length(), 1
        for _ in range(bits):
            node = 2 * node + self.decision(model, node)
        node -= 1 << bits
        _check(node < count, f"{model} has no such symbol")
        return node

    def text(self) -> str:
        """A text."""
        length = self.unsigned("text.length", 255)
        data = bytes(self.symbol("text.byte", 256) for _ in range(length))
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise PayloadError("text") from error


def _curve(decoder: Decoder, channel: str, pts: list[int], bound: int, expected: int) -> list[int]:
    """Section 5: the values of a channel at the times of its frames."""
    method = decoder.symbol(f"{channel}.method", 6)
    grid = 2 * bound if method in (0, 5) else bound
    kind = {3: "piecewise", 4: "spline"}.get(method)
    many = 3 + decoder.unsigned(f"{channel}.{kind}.points", 29) if kind else 0
    count = {0: 1, 1: 1, 2: 2, 5: len(pts)}.get(method, many)
    start = min(max((2 * expected + grid) // (2 * grid), -131072), 131072)
    points = [start + decoder.signed(f"{channel}.{'level' if method in (0, 5) else 'first'}", 262144)]
    while len(points) < count:
        if method in (2, 5):
            point = points[-1] + decoder.signed(f"{channel}.{'slope' if method == 2 else 'delta'}", 524288)
        elif len(points) == 1:
            point = points[-1] + decoder.signed(f"{channel}.{kind}.step{min(count, 5)}", 524288)
        else:
            point = 2 * points[-1] - points[-2] + decoder.signed(f"{channel}.{kind}.bend", 524288)
        _check(abs(point) <= 131072, "a point is too large")
        points.append(point)
    _check(abs(points[0]) <= 131072, "a point is too large")
    if method == 5:
        return [grid * point for point in points]
    degree = {0: 0, 1: 0, 4: min(3, count - 1)}.get(method, 1)
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


def _head(decoder: Decoder) -> dict[str, Any]:
    """Section 6."""
    number = decoder.unsigned("number")
    numerator, denominator = decoder.unsigned("time_base"), decoder.unsigned("time_base")
    _check(min(numerator, denominator) >= 1, "time base")
    count = 1 + decoder.unsigned("frames", 1023)
    step = 1 + decoder.unsigned("step")
    if decoder.decision("start.far", 0):
        start = decoder.raw(64)
        start -= 2**64 if start >= 2**63 else 0
    else:
        start = number * step + decoder.signed("start")
    even, pts = decoder.decision("even", 0), [start]
    for _ in range(count - 1):
        pts.append(pts[-1] + step + (0 if even else decoder.signed("jitter")))
        _check(pts[-1] > pts[-2], "times")
    size = [decoder.unsigned("side", 16384) for _ in range(2)]
    bound = decoder.unsigned("bound", 1024)
    _check(min(size) >= 32 and bound >= 1, "head")
    ranges = {}
    for name, unit in _RANGES:
        if decoder.decision(f"{name}.plain", 0):
            ends = [float(unit * decoder.signed(f"{name}.end")) for _ in range(2)]
        else:
            ends = [struct.unpack(">f", decoder.raw(32).to_bytes(4, "big"))[0] for _ in range(2)]
        _check(float("-inf") < ends[0] < ends[1] < float("inf"), name)
        ranges[name] = ends
    return {
        "number": number,
        "pts": pts,
        "time_base": str(Fraction(numerator, denominator)),
        "size": size,
        "ranges": ranges,
        "bound": bound,
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
        self._track, self._score, self._flags = 0, 0, dict.fromkeys(_FLAGS, 2)
        self._texts: dict[str, list[str]] = {"label": list(_LABELS), "name": []}
        self._first: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._sizes: list[tuple[int, int, int]] = []
        self._is_first, self._frames = True, 0

    def _text(self, kind: str) -> str | None:
        known = self._texts[kind]
        index = self._decoder.unsigned(kind, len(known) + 1)
        if index == len(known) + 1:
            known.append(self._decoder.text())
        return known[index - 1] if index else None

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
        track = self._track + decoder.unsigned("track", 2**32 - 2 - self._track)
        start = decoder.unsigned("begin", frames - 1)
        count = frames - start - decoder.unsigned("end", frames - 1 - start)
        self._frames += count
        _check(self._frames <= 131072, "too many frames")
        label, name = self._text("label"), self._text("name")
        selector = _SELECTORS[decoder.symbol("selector", 4)]
        self._flags = {flag: decoder.decision(flag, self._flags[flag]) for flag in _FLAGS}
        self._score += decoder.signed("score", 32)
        _check(0 <= self._score <= 32, "score")
        continues, self._track, self._is_first = track == self._track and not self._is_first, track, False
        pts = self._head["pts"][start : start + count]
        values: dict[str, list[int]] = {}
        for channel, bound in _channels(self._flags, self._head["bound"]):
            expected = self._expected(channel, continues=continues)
            values[channel] = _curve(decoder, channel, pts, bound, expected)
            self._first[channel], self._last[channel] = values[channel][0], values[channel][-1]
        self._sizes.append((values["foot"][0], values["height"][0], values["width"][0]))
        flags = {flag: bool(value) for flag, value in self._flags.items()}
        facts = {"track": track, "start": start, "count": count, "label": label or "", "name": name}
        return (
            facts
            | flags
            | {
                "selector": selector,
                "score": self._score,
                "values": values,
                "slopes": _slopes(self._head, pts, values),
            }
        )


def _slopes(head: dict[str, Any], pts: list[int], values: dict[str, list[int]]) -> list[list[int]]:
    """Section 8: slopes along x and y."""
    if len(pts) == 1:
        return [[0, 0]]
    low, high = map(Fraction, head["ranges"]["speed_px_s"])
    scale = 512 / (32 * Fraction(head["time_base"]) * (high - low))
    reach, found = max(1, len(head["pts"]) // 4), []
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
