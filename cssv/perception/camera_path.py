"""The still scene of a clip: where the picture of every moment lies in it, by the camera's motions so far."""

from __future__ import annotations

import numpy as np

from cssv.boxes import F64
from cssv.perception.camera import CameraMotion
from cssv.perception.record import Record

_IDENTITY = np.eye(2, 3)
_MOVE = np.dtype([("time_s", np.float64), ("place", np.float64, (2, 3))])


class CameraPath:
    """Chains the camera's motions from frame to frame. The first frame's pixels are those of the scene.

    Memory: six numbers per frame in which the camera moves.
    """

    def __init__(self) -> None:
        self._moves = Record(_MOVE)

    @property
    def is_still(self) -> bool:
        """Whether the camera has never moved."""
        return not len(self._moves)

    def add(self, time_s: float, camera: CameraMotion | None) -> None:
        """Take in the motion since the frame before; None where it is not known."""
        if camera is None or not camera.is_known or camera.is_still:
            return
        last = self._moves.rows["place"][-1] if len(self._moves) else _IDENTITY
        back = np.linalg.inv(np.vstack([camera.A, (0, 0, 1)]))
        self._moves.extend(1)[0] = time_s, last @ back

    def place_at(self, time_s: float) -> F64:
        """(2, 3) float64: takes pixels (x, y, 1) of the frame shown at ``time_s`` to the scene's."""
        moves = self._moves.rows
        step = int(np.searchsorted(moves["time_s"], time_s + 1e-9))
        place: F64 = moves["place"][step - 1] if step else _IDENTITY
        return place
