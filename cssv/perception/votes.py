"""Vote of the picture's cells between rest and a motion of the camera.

The largest set of flow points with a common motion is not always the still scene: on a street of smooth
asphalt, most points with texture are on vehicles. Every cell of a grid has one vote instead, so that the area
counts and not the texture. A cell of the scene is unchanged if the camera is at rest; if the camera moves, it
matches an earlier picture only after that is moved too. While the camera is at rest, the earlier picture is a
running median (McFarlane and Schofield, MVA 1995), in which moving objects vanish.
"""

from __future__ import annotations

import cv2
import numpy as np

from cssv.frames import U8
from cssv.perception.camera import CameraMotion, corner_motion

#: Side of a cell in pixels.
CELL_PX = 8
#: A cell votes for one explanation if its mean difference is within the noise there, and the other's is
#: larger by this factor and by this many grey levels.
VOTE_FACTOR = 2.0
VOTE_LEVELS = 1.0
#: The noise is this multiple of the mean difference in the quietest quarter of the cells, and at least this
#: many grey levels, because the exposure of a camera changes a little with the objects in its picture.
NOISE_FACTOR = 2.5
QUIETEST = 0.25
NOISE_LEVELS = 3.0
#: A smaller motion of the corners is no matter of votes, because both explanations fit most cells.
CONTESTED_PX = 1.0
#: Rest needs the votes of this share of all cells, because after a cut single cells match by chance, and this
#: share of the votes for the motion. It is less than one half, because moving cells at rest are objects, but
#: unchanged texture before a moving camera has no explanation.
FEWEST_VOTES = 0.04
REST_SHARE = 0.3


def is_at_rest(motion: CameraMotion, before: U8, now: U8) -> bool:
    """True if the cells are better explained by a camera at rest than by ``motion``.

    Args:
        motion: the largest agreement of the flow points, however few.
        before: the scene up to the previous picture, (h, w) uint8.
        now: the current picture.
    """
    height, width = now.shape
    if corner_motion(motion.A, (width, height)) < CONTESTED_PX:
        return False
    followed = cv2.warpAffine(before, motion.A, (width, height), borderMode=cv2.BORDER_REPLICATE)
    size = (max(width // CELL_PX, 1), max(height // CELL_PX, 1))
    rest, moved = (
        cv2.resize(cv2.absdiff(now, each), size, interpolation=cv2.INTER_AREA).astype(np.float32)
        for each in (before, followed)
    )
    noise = max(NOISE_FACTOR * float(np.quantile(np.minimum(rest, moved), QUIETEST)), NOISE_LEVELS)
    for_rest, for_motion = (
        float(np.mean((own < noise) & (other > VOTE_FACTOR * own) & (other > own + VOTE_LEVELS)))
        for own, other in ((rest, moved), (moved, rest))
    )
    return for_rest > max(REST_SHARE * for_motion, FEWEST_VOTES)


def followed_median(scene: U8, picture: U8) -> U8:
    """Move each pixel of a running median by one grey level towards the picture."""
    above, below = (picture > scene).view(np.uint8), (picture < scene).view(np.uint8)
    return np.asarray(scene + above - below, dtype=np.uint8)
