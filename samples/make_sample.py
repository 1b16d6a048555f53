"""Generate the harbour sample: a clip of four seconds with its scene, exact truth and detections.

``python samples/make_sample.py [folder]`` writes harbour.mp4, scene.json, scene2.json, truth.csv and
boxes.txt. All motion follows formulas, so the truth is exact. All randomness has fixed seeds, so every run
gives the same result.
"""

from __future__ import annotations

import copy
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, RATE, FRAMES = 384, 288, 25, 100
SHORE_PX = 108
AUDIO_HZ = 48_000

#: Camera: height above the quay in metres, tilt (negative is down) and field of view in degrees.
CAMERA_M, TILT_DEG, HFOV_DEG = 8.0, -20.0, 50.0

F64 = NDArray[np.float64]
Colour = tuple[float, float, float]
Stamp = Callable[["Canvas", F64, float], None]
Motion = Callable[[float], tuple[float, float, float, float]]


# ---- drawing: coverage of a shape, 0 to 1 per pixel, blended with its colour


class Canvas:
    """An RGB picture, float64 0 to 255, with the coordinates of its pixel centres."""

    def __init__(self, pixels: F64) -> None:
        self.pixels = pixels
        self.y, self.x = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]] + 0.5

    def blend(self, cover: F64, colour: Colour, texture: F64 | float = 1.0) -> None:
        """Blend a colour, multiplied by a texture, into the pixels that a shape covers."""
        shade = np.asarray(colour) * (texture[..., None] if isinstance(texture, np.ndarray) else texture)
        self.pixels += cover[..., None] * (np.clip(shade, 0, 255) - self.pixels)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float) -> F64:
        """Coverage of an ellipse, with an edge softened over one pixel."""
        radius = np.hypot((self.x - cx) / rx, (self.y - cy) / ry)
        return np.asarray(np.clip((1 - radius) * min(rx, ry) + 0.5, 0, 1))

    def capsule(self, x0: float, y0: float, x1: float, y1: float, radius: float) -> F64:
        """Coverage of a line with round ends."""
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((self.x - x0) * dx + (self.y - y0) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        away = np.hypot(self.x - x0 - along * dx, self.y - y0 - along * dy)
        return np.asarray(np.clip(radius - away + 0.5, 0, 1))

    def rectangle(self, x: float, y: float, w: float, h: float) -> F64:
        """Coverage of an upright rectangle, exact by area."""
        across = np.clip(np.minimum(self.x + 0.5, x + w) - np.maximum(self.x - 0.5, x), 0, 1)
        down = np.clip(np.minimum(self.y + 0.5, y + h) - np.maximum(self.y - 0.5, y), 0, 1)
        return np.asarray(across * down)


def smooth_noise(rng: np.random.Generator, cell_x: int, cell_y: int) -> F64:
    """Draw (HEIGHT, WIDTH) noise around 0, smooth over cells of the given size."""
    coarse = rng.normal(size=(HEIGHT // cell_y + 2, WIDTH // cell_x + 2))
    y, x = np.arange(HEIGHT) / cell_y, np.arange(WIDTH) / cell_x
    rows, columns = y.astype(int), x.astype(int)
    fy, fx = (y - rows)[:, None], (x - columns)[None]
    top = coarse[rows][:, columns] * (1 - fx) + coarse[rows][:, columns + 1] * fx
    low = coarse[rows + 1][:, columns] * (1 - fx) + coarse[rows + 1][:, columns + 1] * fx
    return np.asarray(top * (1 - fy) + low * fy)


def draw_background() -> F64:
    """Draw the still parts: water, a moored boat, the edge of the quay, paving, crates and bollards."""
    rng = np.random.default_rng(7)
    canvas = Canvas(np.zeros((HEIGHT, WIDTH, 3)))
    y = np.arange(HEIGHT)[:, None] / HEIGHT
    water = np.stack([38 + 60 * y, 92 + 70 * y, 112 + 70 * y], -1) + np.zeros((HEIGHT, WIDTH, 1))
    ripple = 7 * smooth_noise(rng, 26, 3) + 4 * smooth_noise(rng, 9, 2)
    canvas.pixels[:] = water + ripple[..., None] * (0.7, 1.0, 1.1)
    _draw_boat(canvas)
    paving = 1 + 0.035 * smooth_noise(rng, 20, 8) + 0.03 * rng.normal(size=(HEIGHT, WIDTH))
    quay = canvas.rectangle(0, SHORE_PX, WIDTH, HEIGHT)
    canvas.blend(quay, (168, 158, 142), paving * _joints(canvas, rng))
    canvas.blend(canvas.rectangle(0, SHORE_PX - 3, WIDTH, 9), (196, 187, 168), paving)
    canvas.blend(canvas.rectangle(0, SHORE_PX + 6, WIDTH, 2), (92, 86, 78), 1.0)
    for x in (40, 148, 256, 356):
        canvas.blend(canvas.ellipse(x, SHORE_PX + 3, 8, 3), (70, 66, 60), 1.0)
        canvas.blend(canvas.capsule(x, SHORE_PX - 7, x, SHORE_PX, 3.5), (58, 60, 66), 1.0)
    _draw_crates(canvas, rng)
    return canvas.pixels


def _joints(canvas: Canvas, rng: np.random.Generator) -> F64:
    """Brightness of the stones of the quay: rows grow towards the camera, each stone has its own tone."""
    depth = np.log(np.maximum(canvas.y - SHORE_PX + 60, 1) / 60) * 9
    row = np.floor(depth).astype(int)
    across = (canvas.x - WIDTH / 2) / (canvas.y - SHORE_PX + 90) * 7 + 0.5 * (row % 2) + 50
    tones = 1 + 0.05 * rng.normal(size=(64, 128))
    stone = tones[row % 64, np.floor(across).astype(int) % 128]
    gap = np.minimum(depth - row, across - np.floor(across))
    return np.asarray(stone * np.where(gap < 0.06, 0.82, 1.0))


def _draw_boat(canvas: Canvas) -> None:
    """Draw the moored boat."""
    canvas.blend(canvas.ellipse(78, 62, 60, 8), (40, 78, 92), 1.0)
    canvas.blend(canvas.ellipse(78, 48, 58, 15) * (canvas.y > 47), (150, 48, 42), 1.0)
    canvas.blend(canvas.rectangle(20, 44, 116, 4), (232, 226, 210), 1.0)
    canvas.blend(canvas.rectangle(58, 24, 38, 21), (226, 222, 208), 1.0)
    for x in (63, 75, 87):
        canvas.blend(canvas.rectangle(x, 29, 6, 7), (70, 92, 104), 1.0)
    canvas.blend(canvas.rectangle(104, 4, 2.5, 41), (92, 70, 50), 1.0)


def _draw_crates(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw crates with boards on the right side."""
    grain = 1 + 0.05 * rng.normal(size=(HEIGHT, 1)) + np.zeros((HEIGHT, WIDTH))
    for x, y, side, colour in ((318, 118, 40, (150, 108, 66)), (346, 136, 34, (134, 96, 58))):
        canvas.blend(canvas.ellipse(x + side / 2, y + side, side * 0.62, 5), (104, 97, 87), 1.0)
        canvas.blend(canvas.rectangle(x, y, side, side), colour, grain)
        for board in range(1, 5):
            canvas.blend(canvas.rectangle(x, y + board * side / 5, side, 1.2), (88, 62, 38), 1.0)
        canvas.blend(canvas.rectangle(x, y, 3.5, side), (110, 78, 46), 1.0)
        canvas.blend(canvas.rectangle(x + side - 3.5, y, 3.5, side), (110, 78, 46), 1.0)


# ---- the objects: each fills its box (x, y, w, h) exactly


def _shadow(canvas: Canvas, box: F64, colour: Colour = (112, 105, 95)) -> None:
    x, y, w, h = box
    canvas.blend(0.6 * canvas.ellipse(x + w / 2 + 2, y + h - 1, w * 0.55, h * 0.06 + 1.5), colour, 1.0)


def person(coat: Colour, trousers: Colour, stripe: Colour) -> Stamp:
    """Draw a walking person: swinging legs, a striped coat, a head."""

    def draw(canvas: Canvas, box: F64, time_s: float) -> None:
        x, y, w, h = box
        middle, swing = x + w / 2, math.sin(time_s * 9) * (w / 2 - w * 0.17)
        _shadow(canvas, box)
        for side in (swing, -swing):
            foot = middle + side
            canvas.blend(canvas.capsule(middle, y + h * 0.55, foot, y + h * 0.93, w * 0.17), trousers, 1.0)
        bands = 1 + 0.12 * np.sin(canvas.x * 1.7 - x * 1.7)
        torso = canvas.capsule(middle, y + h * 0.34, middle, y + h * 0.56, w * 0.5)
        canvas.blend(torso, coat, bands)
        canvas.blend(torso * canvas.rectangle(x, y + h * 0.42, w, h * 0.06), stripe, 1.0)
        canvas.blend(canvas.ellipse(middle, y + h * 0.1, w * 0.28, h * 0.1), (214, 168, 136), 1.0)
        canvas.blend(canvas.ellipse(middle, y + h * 0.06, w * 0.28, h * 0.06), (70, 50, 40), 1.0)

    return draw


def cart(canvas: Canvas, box: F64, time_s: float) -> None:  # noqa: ARG001 - wheels turn with the way
    """Draw a luggage cart: a box of slats on two wheels with turning spokes."""
    x, y, w, h = box
    _shadow(canvas, box)
    slats = np.where(((canvas.x - x) % 9) < 1.6, 0.72, 1.0)
    canvas.blend(canvas.rectangle(x, y + h * 0.18, w, h * 0.55), (58, 120, 98), slats)
    canvas.blend(canvas.rectangle(x + w * 0.12, y, w * 0.4, h * 0.2), (200, 150, 60), 1.0)
    canvas.blend(canvas.rectangle(x + w * 0.56, y + h * 0.05, w * 0.3, h * 0.14), (170, 80, 60), 1.0)
    radius = h * 0.2
    for hub in (x + w * 0.2, x + w * 0.8):
        canvas.blend(canvas.ellipse(hub, y + h - radius, radius, radius), (40, 38, 40), 1.0)
        turn = x / radius
        for spoke in range(3):
            dx, dy = (radius * 0.7 * f(turn + spoke * math.pi / 3) for f in (math.cos, math.sin))
            low = y + h - radius
            canvas.blend(canvas.capsule(hub - dx, low - dy, hub + dx, low + dy, 0.6), (190, 190, 180), 1.0)


def launch(canvas: Canvas, box: F64, time_s: float) -> None:
    """Draw a small motor boat with a wake that stays inside its box."""
    x, y, w, h = box
    foam = 0.5 + 0.5 * np.sin(canvas.x * 0.9 + 11 * time_s)
    wake = canvas.ellipse(x + w * 0.5, y + h * 0.9, w * 0.5, h * 0.1)
    canvas.blend(0.7 * wake * foam, (214, 228, 230), 1.0)
    hull = canvas.ellipse(x + w * 0.5, y + h * 0.5, w * 0.5, h * 0.42) * np.clip(canvas.y - y - h * 0.5, 0, 1)
    canvas.blend(hull, (236, 232, 222), 1 + 0.05 * np.sin(canvas.x - x))
    canvas.blend(hull * canvas.rectangle(x, y + h * 0.56, w, h * 0.08), (196, 70, 40), 1.0)
    canvas.blend(canvas.rectangle(x + w * 0.3, y, w * 0.32, h * 0.52), (64, 84, 120), 1.0)
    canvas.blend(canvas.rectangle(x + w * 0.36, y + h * 0.12, w * 0.2, h * 0.18), (168, 206, 214), 1.0)


def gull(canvas: Canvas, box: F64, time_s: float) -> None:
    """Draw a gull: a body, and wings that move between the top and the bottom of the box."""
    x, y, w, h = box
    middle, beat = x + w / 2, math.sin(time_s * 15)
    tip = y + h / 2 - beat * (h / 2 - 1.5)
    for side in (-1, 1):
        wing = canvas.capsule(middle, y + h / 2, middle + side * (w / 2 - 1.5), tip, 1.5)
        canvas.blend(wing, (236, 238, 240), 1.0)
    canvas.blend(canvas.ellipse(middle, y + h / 2, w * 0.16, h * 0.3), (250, 250, 250), 1.0)


# ---- motion: centre and velocity as formulas of time


def steady(cx: float, cy: float, vx: float, vy: float) -> Motion:
    """Move with constant velocity from (cx, cy)."""
    return lambda t: (cx + vx * t, cy + vy * t, vx, vy)


def speeding_up(cx: float, cy: float, vx: float, ax: float) -> Motion:
    """Move along x with constant acceleration."""
    return lambda t: (cx + vx * t + ax * t * t / 2, cy, vx + ax * t, 0.0)


def weaving(cx: float, cy: float, vx: float, vy: float, swing: float, turn: float) -> Motion:
    """Move with constant velocity and oscillate sideways, ``swing`` px at ``turn`` radians per second."""
    return lambda t: (
        cx + vx * t + swing * math.sin(turn * t),
        cy + vy * t,
        vx + swing * turn * math.cos(turn * t),
        vy,
    )


@dataclass(frozen=True)
class Actor:
    """One moving object: id, label, box size in pixels, motion of the box centre, and its truth."""

    id: int
    label: str
    width_px: float
    height_px: float
    motion: Motion
    draw: Stamp
    temperature_c: float
    density_kg_m3: float

    def box(self, time_s: float) -> F64:
        """The box x, y, w, h at a time."""
        cx, cy, _, _ = self.motion(time_s)
        return np.array([cx - self.width_px / 2, cy - self.height_px / 2, self.width_px, self.height_px])


DOCKER = person((228, 138, 36), (52, 58, 84), (240, 240, 190))
SAILOR = person((44, 74, 138), (226, 222, 212), (236, 236, 236))
VISITOR = person((150, 44, 66), (60, 54, 50), (210, 120, 120))

#: All objects in drawing order, from back to front.
ACTORS = (
    Actor(1, "boat", 64, 30, steady(150, 82, 26, 0), launch, 48.0, 620.0),
    Actor(2, "person", 15, 40, steady(60, 172, 36, 0), DOCKER, 37.1, 985.0),
    Actor(3, "person", 16, 42, steady(236, 180, -31, 2), SAILOR, 36.4, 985.0),
    Actor(4, "person", 18, 48, weaving(292, 226, -14, -5, 9, 2.2), VISITOR, 38.6, 985.0),
    Actor(5, "cart", 62, 42, speeding_up(48, 250, 12, 28), cart, 21.5, 340.0),
    Actor(6, "gull", 26, 14, steady(84, 120, 96, -27), gull, 41.0, 720.0),
)
#: The boat is not tracked: scene.json gives it outright.
GIVEN = 1


def is_in_view(box: F64) -> bool:
    """Whether at least half of a box lies in the picture."""
    x, y, w, h = box
    inside = max(0.0, min(x + w, WIDTH) - max(x, 0)) * max(0.0, min(y + h, HEIGHT) - max(y, 0))
    return bool(inside >= w * h / 2)


def moments() -> Iterator[tuple[int, Actor, F64]]:
    """All (frame from 0, actor, box) in view."""
    for frame in range(FRAMES):
        for actor in ACTORS:
            box = actor.box(frame / RATE)
            if is_in_view(box):
                yield frame, actor, box


# ---- the files


def truth_text() -> str:
    """Text of truth.csv: boxes and velocities of the centre, exact to a millionth."""
    lines = ["frame,id,label,x,y,w,h,vx_px_s,vy_px_s,temperature_c,density_kg_m3"]
    for frame, actor, box in moments():
        _, _, vx, vy = actor.motion(frame / RATE)
        numbers = ",".join(f"{value:.6f}" for value in (*box, vx, vy))
        row = (frame, actor.id, actor.label, numbers, actor.temperature_c, actor.density_kg_m3)
        lines.append(",".join(map(str, row)))
    return "\n".join(lines) + "\n"


def boxes_text() -> str:
    """Text of boxes.txt: MOT detections, frames from 1, with the jitter and the misses of a detector."""
    rng = np.random.default_rng(11)
    lines = []
    for frame, actor, box in moments():
        jitter, draw, score = rng.normal(size=4), rng.random(), rng.uniform(0.82, 0.99)
        # Half a pixel of jitter; one box in thirty is missing; the given boat needs no detections.
        if actor.id == GIVEN or draw < 1 / 30:
            continue
        numbers = ",".join(f"{value:.2f}" for value in box + jitter * (0.5, 0.5, 0.4, 0.4))
        lines.append(f"{frame + 1},-1,{numbers},{score:.3f},-1,-1,-1")
    return "\n".join(lines) + "\n"


def homography() -> list[list[float]]:
    """Homography from pixels to metres on the quay, from the height and the angles of the camera."""
    focal = WIDTH / 2 / math.tan(math.radians(HFOV_DEG / 2))
    down, along = math.sin(math.radians(-TILT_DEG)), math.cos(math.radians(-TILT_DEG))
    cx, cy = WIDTH / 2, HEIGHT / 2
    rows = [
        [CAMERA_M / focal, 0.0, -CAMERA_M * cx / focal],
        [0.0, -CAMERA_M * down / focal, CAMERA_M * (along + down * cy / focal)],
        [0.0, along / focal, down - along * cy / focal],
    ]
    return [[float(f"{value:.9g}") for value in row] for row in rows]


def _near(actor_id: int, at_s: float) -> dict[str, object]:
    cx, cy, _, _ = next(actor for actor in ACTORS if actor.id == actor_id).motion(at_s)
    return {"near_px": [round(cx), round(cy)], "at_s": at_s}


def scene() -> dict[str, object]:
    """Content of scene.json: places give labels, labels give attributes, later entries are exceptions."""
    boat = next(actor for actor in ACTORS if actor.id == GIVEN)
    stops = (0.0, 2.0, FRAMES / RATE)
    return {
        "cssv_scene": 1,
        "camera": {
            "position_m": [0, 0, CAMERA_M],
            "pan_deg": 0,
            "tilt_deg": {"value": TILT_DEG, "sigma": 0.5, "source": "estimated"},
            "roll_deg": 0,
            "hfov_deg": HFOV_DEG,
            "homography": homography(),
        },
        "environment": {
            "lighting_lux": 12000,
            "weather": "overcast",
            "humidity_pct": 74,
            "ambient_temperature_c": {"value": 16.5, "sigma": 0.3},
            "wind_m_s": 5.5,
            "wind_deg": 240,
            "pressure_hpa": 1009,
        },
        "textures": {"ground": "granite paving", "water": "harbour basin", "crates": "pine"},
        "objects": [
            {
                "match": {"label": "*"},
                "temperature_c": {"value": 36.6, "sigma": 1.5, "source": "estimated"},
                "density_kg_m3": {"value": 985, "sigma": 25, "source": "estimated"},
            },
            {"match": _near(2, 1.0), "label": "person", "name": "docker", "goal_m": [6.5, 18.0]},
            {"match": _near(3, 1.0), "label": "person", "name": "sailor", "goal_px": [20, 190]},
            {"match": _near(4, 1.0), "label": "person", "name": "visitor"},
            {
                "match": _near(5, 1.0),
                "label": "cart",
                "name": "luggage cart",
                "temperature_c": {"value": 21.5, "sigma": 0.4, "source": "measured"},
                "density_kg_m3": {"value": 340, "sigma": 60, "source": "estimated"},
                "template": "comet",
            },
            {
                "match": _near(6, 2.0),
                "label": "gull",
                "temperature_c": {"value": 41, "sigma": 2, "source": "estimated"},
                "density_kg_m3": {"value": 720, "sigma": 50, "source": "estimated"},
            },
            {
                "match": {"label": "person", "from_s": 0.0, "to_s": 4.0},
                "temperature_c": {"value": 36.8, "sigma": 0.5, "source": "measured"},
            },
            {
                "match": _near(4, 2.0),
                "temperature_c": {"value": 38.6, "sigma": 0.2, "source": "measured"},
                "x_note": "sent to the first-aid post",
            },
            {
                "name": "pilot launch",
                "label": "boat",
                "temperature_c": {"value": boat.temperature_c, "sigma": 1.0, "source": "measured"},
                "density_kg_m3": boat.density_kg_m3,
                "trajectory": [{"time_s": t, "box_px": boat.box(t).tolist()} for t in stops],
            },
        ],
        "ranges": {"speed_px_s": [0, 150], "temperature_c": [10, 50], "density_kg_m3": [0, 1200]},
    }


def scene2() -> dict[str, object]:
    """Content of scene2.json: other temperatures after a recalibration, and other weather."""
    whole: dict[str, Any] = copy.deepcopy(scene())
    whole["environment"]["weather"] = "fog"
    feverish = next(entry for entry in whole["objects"] if "x_note" in entry)
    feverish["temperature_c"]["value"] = 37.4
    del feverish["x_note"]
    cart_entry = next(entry for entry in whole["objects"] if entry.get("label") == "cart")
    cart_entry["temperature_c"] = {"value": 12.0, "sigma": 0.2, "source": "measured"}
    return whole


def scene_text() -> str:
    """Text of scene.json."""
    return _laid_out(scene())


def scene2_text() -> str:
    """Text of scene2.json."""
    return _laid_out(scene2())


def _laid_out(whole: dict[str, object]) -> str:
    """A scene as JSON with one object per line."""
    parts = []
    for key, value in whole.items():
        if isinstance(value, list):
            rows = ",\n".join("    " + json.dumps(entry) for entry in value)
            parts.append(f'  "{key}": [\n{rows}\n  ]')
        else:
            parts.append(f'  "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def pictures() -> Iterator[NDArray[np.uint8]]:
    """Draw the frames, (HEIGHT, WIDTH, 3) uint8 RGB, with noise of about one grey level."""
    background, rng = draw_background(), np.random.default_rng(3)
    for frame in range(FRAMES):
        canvas = Canvas(background.copy())
        for actor in ACTORS:
            actor.draw(canvas, actor.box(frame / RATE), frame / RATE)
        noise = rng.normal(scale=0.8, size=(HEIGHT, WIDTH, 1))
        yield np.clip(np.rint(canvas.pixels + noise), 0, 255).astype(np.uint8)


def sound() -> F64:
    """The sound: a low horn, once, over a hum."""
    t = np.arange(AUDIO_HZ * FRAMES // RATE) / AUDIO_HZ
    swell = np.sin(np.pi * t / (FRAMES / RATE)) ** 2
    return np.asarray(0.06 * swell * np.sin(2 * np.pi * 146.83 * t) + 0.01 * np.sin(2 * np.pi * 73.4 * t))


def write_clip(path: Path) -> None:
    """Encode harbour.mp4: H.264 in yuv420p, mono AAC."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=RATE, options={"crf": "18", "preset": "slow", "threads": "1"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = out.add_stream("aac", rate=AUDIO_HZ, layout="mono")
        audio.bit_rate = 48_000
        for number, picture in enumerate(pictures()):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        samples = sound().astype(np.float32)[None]
        for start in range(0, samples.shape[1], 1024):
            block = av.AudioFrame.from_ndarray(samples[:, start : start + 1024].copy(), "fltp", "mono")
            block.sample_rate, block.pts, block.time_base = AUDIO_HZ, start, Fraction(1, AUDIO_HZ)
            out.mux(audio.encode(block))
        out.mux(audio.encode())


def write_all(folder: Path) -> None:
    """Write the five files into a folder."""
    write_clip(folder / "harbour.mp4")
    texts = {
        "truth.csv": truth_text(),
        "boxes.txt": boxes_text(),
        "scene.json": scene_text(),
        "scene2.json": scene2_text(),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
