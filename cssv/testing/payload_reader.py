"""Second reader of payloads, written from ``cssv/payload/SPEC.md`` and ``priors.json`` alone.

It imports nothing of the library and favours the order of that page over speed.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

_LABELS = (
    "person", "car", "bicycle", "motorcycle", "bus", "truck", "train", "boat", "airplane", "drone", "dog",
    "cat", "bird", "horse", "sheep", "cow", "object", "vehicle", "animal", "pedestrian", "cart", "van",
)  # fmt: skip
_WEATHER = (
    "clear", "sunny", "partly cloudy", "cloudy", "overcast", "fog", "mist", "haze", "drizzle", "light rain",
    "rain", "heavy rain", "thunderstorm", "light snow", "snow", "sleet", "hail", "windy", "storm", "night",
    "indoor",
)  # fmt: skip
_SURFACES = (
    "ground", "walls", "road", "floor", "ceiling", "pavement", "water", "sky", "buildings", "vegetation",
)  # fmt: skip
_MATERIALS = (
    "asphalt", "concrete", "brick", "glass", "metal", "steel", "wood", "stone", "tiles", "gravel", "sand",
    "soil", "grass", "foliage", "water", "snow", "ice", "plaster", "plastic", "fabric", "paint",
)  # fmt: skip
_SOURCES = ("measured", "estimated", "unknown")
_TINY = 2.0**-40
#: Sensed fields of the parts 0 and 3: how many numbers, their bounds, and the bits behind the leading one.
_POSE = {
    "position_m": (3, -1e9, 1e9, 10),
    "pan_deg": (1, -360, 360, 10),
    "tilt_deg": (1, -180, 180, 10),
    "roll_deg": (1, -360, 360, 10),
    "hfov_deg": (1, _TINY, 360, 10),
}
_AIR = {
    "lighting_lux": (1, 0, 1e9, 7),
    "humidity_pct": (1, 0, 100, 7),
    "ambient_temperature_c": (1, -273.15, 1e6, 7),
    "wind_m_s": (1, 0, 1000, 7),
    "wind_deg": (1, 0, 360, 7),
    "pressure_hpa": (1, 0, 1e6, 10),
}
#: Fields of a calibration, alike; the last two may be missing.
_TSAI = {
    "centre_px": (2, -1e6, 1e6, 14),
    "pixel_mm": (2, _TINY, 1000, 14),
    "focal_mm": (1, _TINY, 1e6, 14),
    "translation_mm": (3, -1e12, 1e12, 14),
    "rotation_rad": (3, -1000, 1000, 16),
    "sx": (1, _TINY, 1000, 14),
    "kappa1_per_mm2": (1, -1e6, 1e6, 14),
}
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
        _check(self._count <= 65536 + 32 * len(self._content), "too many decisions")
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

    def real(self, low: float, high: float, bits: int) -> float:
        """A number."""
        value = 0.0
        if not self.decision("real.zero", 0):
            sign = -1 if self.decision("real.negative", 0) else 1
            exponent = self.signed("real.exponent", 64)
            value = sign * (1 + self.raw(bits) / 2**bits) * 2.0**exponent
        return min(max(value, low), high)

    def sensed(self, count: int, low: float, high: float, bits: int) -> Any:
        """A sensed value, as a scene file has it."""
        numbers = [self.real(low, high, bits) for _ in range(count)]
        plain = numbers if count > 1 else numbers[0]
        if self.decision("sensed.plain", 0):
            return plain
        source = _SOURCES[self.symbol("sensed.source", 3)]
        found = {"value": plain}
        if self.decision("sensed.sigma", 0):
            found["sigma"] = self.real(0, 1e9, 5)
        return found | ({} if source == "measured" else {"source": source})

    def indexed(self, kind: str, known: list[Any], read: Callable[[], Any]) -> Any:
        """None, one of a list, or what ``read`` reads, which is added to the list."""
        index = self.unsigned(kind, len(known) + 1)
        if index == len(known) + 1:
            known.append(read())
        return known[index - 1] if index else None


def _part(decoder: Decoder, size: list[int]) -> dict[str, Any] | None:
    """Section 12: the part of the scene, as a scene file has it."""
    if not decoder.decision("scene", 0):
        return None
    kind = decoder.symbol("scene.part", 6)
    if kind in (0, 3):
        fields = _POSE if kind == 0 else _AIR
        found = {name: decoder.sensed(*form) for name, form in fields.items() if decoder.decision(name, 0)}
        return {"camera" if kind == 0 else "environment": found} if found else {}
    if kind == 1:
        matrix = [[decoder.real(-1e12, 1e12, 16) for _ in range(3)] for _ in range(3)]
        _check(_has_inverse(matrix), "homography")
        return {"camera": {"homography": matrix}}
    if kind == 2:
        return {"camera": {"tsai": _tsai(decoder, size)}}
    if kind == 4:
        weather = decoder.indexed("weather", list(_WEATHER), decoder.text)
        _check(bool(weather), "weather")
        return {"environment": {"weather": weather}}
    surface = decoder.indexed("surface", list(_SURFACES), decoder.text)
    material = decoder.indexed("material", list(_MATERIALS), decoder.text)
    _check(bool(material), "material")
    return {"textures": {surface or "": material}}


def _has_inverse(matrix: list[list[float]]) -> bool:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return abs(determinant) > 1e-12 * math.prod(math.hypot(*row) for row in matrix)


def _tsai(decoder: Decoder, size: list[int]) -> dict[str, Any]:
    sides = [side + decoder.signed("tsai.side", 10**6) for side in size]
    _check(min(sides) >= 1 and max(sides) <= 10**6, "sides")
    found: dict[str, Any] = {"size_px": sides}
    for name, (count, low, high, bits) in _TSAI.items():
        if name not in ("sx", "kappa1_per_mm2") or decoder.decision(name, 0):
            numbers = [decoder.real(low, high, bits) for _ in range(count)]
            found[name] = numbers if count > 1 else numbers[0]
    x, y, z = found["rotation_rad"]
    axis = (
        math.cos(x) * math.sin(y) * math.cos(z) + math.sin(x) * math.sin(z),
        math.cos(x) * math.sin(y) * math.sin(z) - math.sin(x) * math.cos(z),
        math.cos(x) * math.cos(y),
    )
    place = found["translation_mm"]
    height = sum(part * side for part, side in zip(axis, place, strict=True))
    _check(abs(height) > 1e-12 * math.hypot(*place), "camera on the ground")
    return found


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
    _check(abs(points[0]) <= 131072, "a point is too large")
    while len(points) < count:
        if method in (1, 4):
            point = points[-1] + decoder.signed(f"{group}.{name}", 524288)
        elif len(points) == 1:
            point = points[-1] + decoder.signed(f"{group}.{name}.step{min(count, 5)}", 524288)
        else:
            point = 2 * points[-1] - points[-2] + decoder.signed(f"{group}.{name}.bend", 524288)
        _check(abs(point) <= 131072, "a point is too large")
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
    _check(index <= len(known), "index")
    return known[index - 1] if index else None


def _head(decoder: Decoder) -> dict[str, Any]:
    """Section 6."""
    time_base = _listed(decoder, _TIME_BASES)
    if time_base is None:
        numerator, denominator = decoder.unsigned("time_base"), decoder.unsigned("time_base")
        _check(min(numerator, denominator) >= 1, "time base")
        time_base = Fraction(numerator, denominator)
    step = 1 + decoder.unsigned("step")
    usual = (4 * time_base.denominator // (step * time_base.numerator) + 1) >> 1
    usual = min(max(usual, 1), 1024)
    count = usual + decoder.signed("frames", 1024)
    _check(1 <= count <= 1024, "frames")
    number = usual * decoder.unsigned("number") + decoder.unsigned("number.rest", usual - 1)
    if decoder.decision("start.far", 0):
        start = decoder.raw(64)
        start -= 2**64 if start >= 2**63 else 0
    else:
        start = number * step + decoder.signed("start")
    even, pts = decoder.decision("even", 0), [start]
    for _ in range(count - 1):
        pts.append(pts[-1] + step + (0 if even else decoder.signed("jitter")))
        _check(pts[-1] > pts[-2], "times")
    size = _listed(decoder, _SIZES) or [decoder.unsigned("side", 16384) for _ in range(2)]
    bound = decoder.unsigned("bound", 1024)
    _check(min(size) >= 32 and bound >= 1, "head")
    ranges = {}
    for name, unit in _RANGES:
        if decoder.decision(f"{name}.plain", 0):
            ends = [float(unit * decoder.signed(f"{name}.{end}")) for end in ("low", "high")]
        else:
            ends = [struct.unpack(">f", decoder.raw(32).to_bytes(4, "big"))[0] for _ in range(2)]
        _check(float("-inf") < ends[0] < ends[1] < float("inf"), name)
        ranges[name] = ends
    return {
        "number": number,
        "pts": pts,
        "time_base": str(time_base),
        "size": size,
        "ranges": ranges,
        "bound": bound,
        "scene": _part(decoder, size),
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
        found = [decoder.signed(f"outline.{k}", 128) + (29 if k == 0 else 0) for k in range(8)]
        _check(max(map(abs, found)) <= 64, "outline")
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
        _check(self._frames <= 131072, "too many frames")
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
        cosines = [round(512 * math.cos(math.pi * k * (2 * j + 1) / 64)) for k in range(8)]
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
