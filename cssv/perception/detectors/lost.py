"""LOST: detector of objects without labels.

"Localizing Objects with Self-Supervised Transformers and no Labels" (Siméoni et al., BMVC 2021): patches of
one object have similar features in a self-supervised vision transformer, and differ from most others. Patches
with positively correlated last keys are linked in a graph. The patch with the fewest links is the seed of an
object. The low-degree patches linked to the seed determine the other patches of the object.
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

#: Number of low-degree patches that are candidates for the seed's object; k of the paper.
EXPANSION = 100
#: Largest number of objects in a frame, and of parts of the picture that are tried.
MOST_OBJECTS, MOST_TRIES = 10, 30
#: Least number of patches of an object, and largest share of them; larger parts are background.
FEWEST_PATCHES = 2
LARGEST_SHARE = 0.5
#: With more than this share of pairs linked, the graph carries no information, and keys are centred first.
CROWDED_SHARE = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Discovery:
    """An object as a set of patches.

    Attributes:
        seed: the patch where the search began, counted by rows.
        patches: int64 (m,), ascending: the connected patches around the seed.
        box: left, top, width, height in patches.
        score: 0 to 1, see :func:`separation`.
    """

    seed: int
    patches: I64
    box: tuple[int, int, int, int]
    score: float


def similarities(keys: F32) -> F32:
    """(n, n) scalar products of keys (n, width), centred if nearly all products would be positive.

    The centring is not part of LOST, which was designed for the keys of DINO v1, with many directions. If the
    keys of another model share one direction, every patch would be linked to every other.
    """
    A: F32 = keys @ keys.T
    if np.count_nonzero(A > 0) <= CROWDED_SHARE * A.size:
        return A
    centred = keys - keys.mean(axis=0)
    return np.asarray(centred @ centred.T, dtype=np.float32)


def discover(A: F32, rows: int, columns: int, alive: I64 | None = None) -> Discovery:
    """Find one object by the seed, expansion and box of the paper; the first of equal patches is taken.

    Args:
        A: (n, n) symmetric similarities of n = rows * columns patches.
        rows: of the grid of patches.
        columns: of the grid of patches.
        alive: patches to search, ascending; all by default.
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
    # A zero key has no similarity, not even with itself.
    inside[alive[seed]] = True
    _, labels = cv2.connectedComponents(inside.reshape(rows, columns).astype(np.uint8), connectivity=4)
    parts = np.asarray(labels).reshape(-1)
    patches = np.flatnonzero(parts == parts[alive[seed]])
    down, across = np.divmod(patches, columns)
    left, top = int(across.min()), int(down.min())
    box = (left, top, int(across.max()) + 1 - left, int(down.max()) + 1 - top)
    return Discovery(int(alive[seed]), patches, box, separation(A, patches))


def separation(A: F32, patches: I64) -> float:
    """Measure the separation of patches: 1 if linked only to each other, 0 if not more than by chance.

    It is the share of their positive similarity to each other (one minus the conductance of the cut),
    relative to the expected share of the same number of random patches.
    """
    links = np.maximum(A[patches], 0)
    links[np.arange(len(patches)), patches] = 0
    whole = float(links.sum(dtype=np.float64))
    chance = (len(patches) - 1) / max(len(A) - 1, 1)
    # Without links, or with all patches, there is nothing to be separated from.
    if not whole or chance >= 1:
        return 0.0
    share = float(links[:, patches].sum(dtype=np.float64)) / whole
    return min(max((share - chance) / (1 - chance), 0.0), 1.0)


def discover_all(keys: F32, rows: int, columns: int) -> Iterator[Discovery]:
    """Yield objects one after the other, each from the remaining patches.

    The first is the object of the paper, which finds one in a picture; the repetition is an extension. Parts
    that are too small, too large or not separated from the rest are skipped.
    """
    A = similarities(keys)
    alive = np.arange(rows * columns)
    found = 0
    for _ in range(MOST_TRIES):
        if len(alive) < FEWEST_PATCHES or found == MOST_OBJECTS:
            return
        each = discover(A, rows, columns, alive)
        alive = np.setdiff1d(alive, each.patches, assume_unique=True)
        # A skipped part is removed too: it is background, and would be found again.
        if FEWEST_PATCHES <= len(each.patches) <= LARGEST_SHARE * len(A) and each.score > 0:
            found += 1
            yield each


class LostDetector:
    """Detector of objects of any kind, by a vision transformer; label ``"object"``.

    The score is the separation of an object's patches, see :func:`separation`. ``side_px`` and ``heal`` are
    available only in Python::

        lost = cssv.perception.detector("lost", weights="dinov2.safetensors", heal=True)
        cssv.encode("clip.mp4", detector=lost)

    Args:
        weights: a local file: safetensors of DINO v1 or DINOv2, or an export to ``.onnx``.
        min_score: objects of lower scores are left out; 0 to 1.
        side_px: long side of the scaled frame; small objects need more, and the time grows at least with its
            square.
        heal: add a test-time register to the model if the first frame has outlier tokens.

    Attributes:
        sha256: SHA-256 of the weights.

    Raises:
        ModelError: the weights cannot be used.
        MissingExtraError: the file is ``.onnx``, and onnxruntime is not installed.
        OptionError: a number is out of range, or ``heal`` is set for an exported model.
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
        # Healing changes hidden activations, which an export does not give access to.
        self._is_to_heal = heal
        if heal and not isinstance(self._model, VisionTransformer):
            raise OptionError("an exported model cannot be healed", remedy="Give its weights as safetensors.")
        # Raises for a bad side now, before the first frame.
        working_size(1, 1, self._model.patch_px, side_px)
        self.sha256 = self._model.sha256

    @property
    def notes(self) -> tuple[str, ...]:
        """A note on the origin of the detections: method, model and weights."""
        return (f"objects found by LOST with {self._model.name}, SHA-256 {self.sha256}",)

    def detect(self, frame: Frame) -> Detections:
        """Find the objects in ``frame``, independently of other frames; the first is that of the paper."""
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
        # Once, on the first frame: the register neurons belong to the model, not to the picture.
        if self._is_to_heal and isinstance(self._model, VisionTransformer):
            self._model = heal_model(self._model, [picture]) or self._model
            self._is_to_heal = False
