"""Objects without labels: LOST.

"Localizing Objects with Self-Supervised Transformers and no Labels" (Siméoni et al., BMVC 2021): patches of
one object look alike to a self-supervised vision transformer, and unlike most others. In the graph that
links patches whose last keys are positively correlated, the patch with the fewest links is the seed of an
object. The low-degree patches that are linked to the seed say which patches belong to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64
from cssv.errors import OptionError
from cssv.frames import U8, Frame
from cssv.perception.detections import EMPTY, Detections, detections
from cssv.perception.detectors.colour import to_bgr
from cssv.perception.detectors.options import MIN_SCORE, check_share
from cssv.perception.transformer import Transformer, VisionTransformer, load_transformer
from cssv.perception.transformer.features import SIDE_PX, fit, working_size
from cssv.perception.transformer.registers import heal as heal_model
from cssv.perception.transformer.weights import F32

I64 = NDArray[np.int64]

#: Patches of lowest degree among which those of the seed's object are looked for; the paper's k.
EXPANSION = 100
#: Objects in a frame at most, and how many parts of the picture are tried for them.
MOST_OBJECTS, MOST_TRIES = 10, 30
#: An object covers at least this many patches, and at most this share of them; what is larger is ground.
FEWEST_PATCHES = 2
LARGEST_SHARE = 0.5
#: With more than this share of pairs linked, the graph says nothing, and keys are centred first.
CROWDED_SHARE = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Discovery:
    """One object found by its patches.

    Attributes:
        seed: the patch it was found from, counted by rows.
        patches: int64 (m,), ascending: the connected patches around the seed.
        box: left, top, width, height in patches.
        score: 0 to 1, see :func:`separation`.
    """

    seed: int
    patches: I64
    box: tuple[int, int, int, int]
    score: float


def similarities(keys: F32) -> F32:
    """(n, n) scalar products of keys (n, width); of centred keys where nearly all would be positive.

    The centring is ours: LOST was made for DINO v1, whose keys point many ways. Where keys of other models
    share one direction, every patch would be linked to every other.
    """
    A: F32 = keys @ keys.T
    if np.count_nonzero(A > 0) <= CROWDED_SHARE * A.size:
        return A
    centred = keys - keys.mean(axis=0)
    return np.asarray(centred @ centred.T, dtype=np.float32)


def discover(A: F32, rows: int, columns: int, alive: I64 | None = None) -> Discovery:
    """Find one object: the paper's seed, expansion and box. Ties go to the first patch by rows.

    Args:
        A: (n, n) symmetric similarities of n = rows * columns patches.
        rows: of the grid of patches.
        columns: of the grid of patches.
        alive: patches to look at, ascending; all by default.
    """
    alive = np.arange(len(A)) if alive is None else alive
    part = A[np.ix_(alive, alive)]
    linked = part > 0
    np.fill_diagonal(linked, val=False)
    order = np.argsort(linked.sum(axis=1), kind="stable")
    seed, nearest = order[0], order[:EXPANSION]
    alike = nearest[(part[seed, nearest] > 0) | (nearest == seed)]
    inside = np.zeros(rows * columns, dtype=bool)
    inside[alive] = part[alike].sum(axis=0) > 0
    # A patch whose key is zero is not even like itself.
    inside[alive[seed]] = True
    _, labels = cv2.connectedComponents(inside.reshape(rows, columns).astype(np.uint8), connectivity=4)
    parts = np.asarray(labels).reshape(-1)
    patches = np.flatnonzero(parts == parts[alive[seed]])
    down, across = np.divmod(patches, columns)
    left, top = int(across.min()), int(down.min())
    box = (left, top, int(across.max()) + 1 - left, int(down.max()) + 1 - top)
    return Discovery(int(alive[seed]), patches, box, separation(A, patches))


def separation(A: F32, patches: I64) -> float:
    """How much patches keep to themselves: 1 when linked to each other only, 0 when as much as by chance.

    The share of their positive similarity that lies among them (one minus the conductance of the cut),
    compared with the share that as many patches taken at random would have.
    """
    links = np.maximum(A[patches], 0)
    links[np.arange(len(patches)), patches] = 0
    whole = float(links.sum(dtype=np.float64))
    chance = (len(patches) - 1) / max(len(A) - 1, 1)
    if not whole or chance >= 1:
        return 0.0
    share = float(links[:, patches].sum(dtype=np.float64)) / whole
    return min(max((share - chance) / (1 - chance), 0.0), 1.0)


def discover_all(keys: F32, rows: int, columns: int) -> Iterator[Discovery]:
    """Objects one after the other, each among the patches that are left; the first is the paper's.

    Looking again is ours, the paper finds one object in a picture. Parts too small, too large or not
    separated from the rest at all are passed over.
    """
    A = similarities(keys)
    alive = np.arange(rows * columns)
    found = 0
    for _ in range(MOST_TRIES):
        if len(alive) < FEWEST_PATCHES or found == MOST_OBJECTS:
            return
        each = discover(A, rows, columns, alive)
        alive = np.setdiff1d(alive, each.patches, assume_unique=True)
        if FEWEST_PATCHES <= len(each.patches) <= LARGEST_SHARE * len(A) and each.score > 0:
            found += 1
            yield each


class LostDetector:
    """Objects of any kind, without labels: ``"object"``. It needs the weights of a vision transformer.

    The score says how far an object's patches keep to themselves, see :func:`separation`. ``side_px`` and
    ``heal`` are for Python alone::

        lost = cssv.perception.detector("lost", weights="dinov2.safetensors", heal=True)
        cssv.encode("clip.mp4", detector=lost)

    Args:
        weights: a local file: safetensors of DINO v1 or DINOv2, or an export to ``.onnx``.
        min_score: objects of lower scores are left out; 0 to 1.
        side_px: long side at which a frame is looked at; small objects need more, and the time grows with
            its square and more.
        heal: whether the model gets a test-time register where its tokens explode in the first frame.

    Attributes:
        sha256: SHA-256 of the weights.

    Raises:
        ModelError: the weights cannot be used.
        MissingExtraError: ``.onnx`` without onnxruntime.
        OptionError: a number out of range, or an export that is to be healed.
    """

    name = "lost"

    def __init__(
        self,
        weights: str | PathLike[str],
        *,
        min_score: float = MIN_SCORE,
        side_px: int = SIDE_PX,
        heal: bool = False,
    ) -> None:
        self._min_score = check_share("min_score", min_score)
        self._side_px = side_px
        self._model: Transformer = load_transformer(weights)
        self._is_to_heal = heal
        if heal and not isinstance(self._model, VisionTransformer):
            raise OptionError("an exported model cannot be healed", remedy="Give its weights as safetensors.")
        working_size(1, 1, self._model.patch_px, side_px)
        self.sha256 = self._model.sha256

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the result: whose features found the objects."""
        return (f"objects found by LOST with {self._model.name}, SHA-256 {self.sha256}",)

    def detect(self, frame: Frame) -> Detections:
        """Find objects in ``frame``, by itself; the first is the paper's."""
        size = working_size(frame.width, frame.height, self._model.patch_px, self._side_px)
        picture = fit(np.ascontiguousarray(to_bgr(frame)[..., ::-1]), size)
        self._heal(picture)
        features = self._model.look(picture)
        rows, columns = features.rows, features.columns
        found = [
            each
            for each in discover_all(features.patches(features.keys), rows, columns)
            if each.score >= self._min_score
        ]
        if not found:
            return EMPTY
        patch = np.array([frame.width / columns, frame.height / rows] * 2)
        boxes: F64 = np.array([each.box for each in found]) * patch
        return detections(boxes, [each.score for each in found])

    def _heal(self, picture: U8) -> None:
        if self._is_to_heal and isinstance(self._model, VisionTransformer):
            self._model = heal_model(self._model, [picture]) or self._model
            self._is_to_heal = False
