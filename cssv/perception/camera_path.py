"""Camera path: position of each frame in the coordinates of the still scene, from accumulated motions."""

from __future__ import annotations

import numpy as np

from cssv.boxes import F64
from cssv.perception.camera import CameraMotion
from cssv.perception.record import Record

_IDENTITY = np.eye(2, 3)
_MOVE = np.dtype([("time_s", np.float64), ("place", np.float64, (2, 3))])


class CameraPath:
    """Product of the camera motions from frame to frame; scene coordinates are the pixels of the first frame.

    Memory use: seven numbers per frame with camera motion: a time and a transform.
    """

    def __init__(self) -> None:
        self._moves = Record(_MOVE)

    @property
    def is_still(self) -> bool:
        """True if no camera motion was added."""
        return not len(self._moves)

    def add(self, time_s: float, camera: CameraMotion | None) -> None:
        """Add the motion since the previous frame; None if it is not known."""
        # Without a known motion the last transform stays the best estimate, and a still frame needs no row.
        if camera is None or not camera.is_known or camera.is_still:
            return
        last = self._moves.rows["place"][-1] if len(self._moves) else _IDENTITY
        back = np.linalg.inv(np.vstack([camera.A, (0, 0, 1)]))
        self._moves.extend(1)[0] = time_s, last @ back

    def place_at(self, time_s: float) -> F64:
        """(2, 3) float64 transform from pixels (x, y, 1) of the frame at ``time_s`` to the scene."""
        moves = self._moves.rows
        # The tolerance covers the rounding of frame times.
        step = int(np.searchsorted(moves["time_s"], time_s + 1e-9))
        place: F64 = moves["place"][step - 1] if step else _IDENTITY
        return place
