"""What a still scene looks like, learned pixel by pixel, and which pixels differ from it.

Every pixel has a Gaussian of its background (Wren et al., PAMI 1997) and a candidate: the other value it has
shown longest. A candidate that stays becomes the background, and the old background the candidate, which is
then as still as the first: what stopped long ago is no longer an object, and where it leaves there is none.
The picture is compared in bytes, which costs a fifth of a mixture of Gaussians in floats.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64
from cssv.frames import U8

#: A pixel differs from its background by more than this many standard deviations.
THRESHOLD_SIGMA = 4.0
#: Variances in grey levels squared: of a pixel not seen before, and bounds.
FIRST_VARIANCE = 15.0
VARIANCE_RANGE = (9.0, 75.0)
#: A pixel darkened to no less than this share of the background is in shadow.
SHADOW_SHARE = 0.7
#: Light is measured on a grid of pixels of medium levels, so many at least, and followed where it changed by
#: more than this share.
LIGHT_STEP_PX = 6
LIGHT_LEVELS = (25, 240)
LIGHT_POINTS = 50
LIGHT_CHANGE = 0.01
#: A candidate keeps its value within this many grey levels.
CANDIDATE_LEVELS = 15
#: The background forgets with this time constant.
MEMORY_S = 60.0
#: A candidate becomes background after this time, which grows with the time a pixel was watched: early
#: backgrounds are often objects that were there at the start.
PATIENCE_S = (1.5, 8.0)
PATIENCE_GROWTH = 0.2
#: A former background that is not seen again is forgotten after this time.
FORMER_S = 30.0
#: A resampled background counts as seen in so many pictures.
WARPED_FRAMES = 20
#: Pixels fade once in so many pictures.
_FADE_PICTURES = 8

#: Levels of patience: candidates rise to the first; above it are former backgrounds, which fall back to it.
_READY, _OLD = 60_000, 65_535
_LAYERS = ("_mean", "_variance", "_seen_s", "_frames", "_candidate", "_patience")
F32 = NDArray[np.float32]


class Background:
    """A model of one picture size. All pictures are (h, w) uint8.

    Args:
        picture: what is seen first; taken for background until something else is seen there.
    """

    def __init__(self, picture: U8) -> None:
        self._mean: F32 = picture.astype(np.float32)
        self._variance: F32 = np.full_like(self._mean, FIRST_VARIANCE)
        self._seen_s: F32 = np.zeros_like(self._mean)
        self._frames: F32 = np.ones_like(self._mean)
        self._candidate = picture.copy()
        self._patience: NDArray[np.uint16] = np.zeros(picture.shape, np.uint16)
        self._unfaded_s = 0.0
        self._pictures = 0
        self._quantise()

    @property
    def picture(self) -> U8:
        """The background itself."""
        return self._mean8

    def follow_light(self, picture: U8) -> None:
        """Brighten or darken the background with the picture: light and exposure change all of it alike."""
        now, before = (a[::LIGHT_STEP_PX, ::LIGHT_STEP_PX].astype(np.float32) for a in (picture, self._mean8))
        clear = (before > LIGHT_LEVELS[0]) & (before < LIGHT_LEVELS[1]) & (now < LIGHT_LEVELS[1])
        if np.count_nonzero(clear) < LIGHT_POINTS:
            return
        gain = float(np.median(now[clear] / before[clear]))
        if abs(gain - 1) > LIGHT_CHANGE:
            self._mean *= np.float32(gain)
            self._candidate = np.asarray(cv2.convertScaleAbs(self._candidate, alpha=gain), dtype=np.uint8)
            self._quantise()

    def compare(self, picture: U8, *, slack_px: int = 0) -> U8:
        """255 where something is that is neither background nor its shadow, 0 elsewhere.

        Args:
            picture: what is seen now.
            slack_px: the picture may lie this far beside the background.
        """
        far = cv2.compare(difference(picture, self._mean8, slack_px), self._bound8, cv2.CMP_GT)
        shadow = cv2.inRange(picture, self._shadow8, self._mean8)
        old = cv2.bitwise_and(self._old(), self._like_candidate(picture))
        return np.asarray(cv2.bitwise_and(far, cv2.bitwise_not(cv2.bitwise_or(shadow, old))), dtype=np.uint8)

    def learn(self, picture: U8, step_s: float, *, slack_px: int = 0) -> None:
        """Take in a picture ``step_s`` seconds after the last; slack as in :meth:`compare`."""
        far = cv2.compare(difference(picture, self._mean8, slack_px), self._bound8, cv2.CMP_GT)
        self._learn_near(picture, far == 0, step_s)
        self._learn_far(picture, np.flatnonzero(far), step_s)
        self._fade(step_s)
        self._quantise()

    def accept(self, picture: U8, where: NDArray[np.bool_]) -> None:
        """Take what is seen ``where`` for background from now on."""
        self._mean[where], self._variance[where], self._frames[where] = picture[where], FIRST_VARIANCE, 5
        self._patience[where] = 0
        self._quantise()

    def _old(self) -> U8:
        """255 where the candidate was the background once."""
        return (self._patience > _READY).view(np.uint8) * np.uint8(255)

    def _like_candidate(self, picture: U8) -> U8:
        away = cv2.absdiff(picture, self._candidate)
        return np.asarray(cv2.inRange(away, 0, CANDIDATE_LEVELS), dtype=np.uint8)

    def _learn_near(self, picture: U8, near: NDArray[np.bool_], step_s: float) -> None:
        self._frames += near
        rate = np.maximum(1 / self._frames, np.float32(step_s / MEMORY_S))
        rate *= near
        away: F32 = np.asarray(cv2.subtract(picture, self._mean, dtype=cv2.CV_32F), dtype=np.float32)
        self._mean += rate * away
        away *= away
        away -= self._variance
        away *= rate
        self._variance += away
        np.clip(self._variance, *VARIANCE_RANGE, out=self._variance)
        self._seen_s += np.float32(step_s)

    def _learn_far(self, picture: U8, at: NDArray[np.intp], step_s: float) -> None:
        """Candidates grow where the pixels ``at`` keep their value, and start anew where they do not."""
        candidates, patience = self._candidate.ravel(), self._patience.ravel()
        values, before = picture.ravel()[at], patience[at].astype(np.float64)
        old = before > _READY
        stays = np.abs(values.astype(np.int16) - candidates[at]) <= CANDIDATE_LEVELS
        low, high = PATIENCE_S
        needed_s = np.minimum(low + PATIENCE_GROWTH * self._seen_s.ravel()[at], high)
        grown = np.where(stays, before + _READY * step_s / needed_s, 0)
        # A third value in front of two backgrounds drives out the one that is not seen.
        grown[old & ~stays] = before[old & ~stays] - (_OLD - _READY) * step_s / high
        fresh = at[~stays & ~old]
        candidates[fresh] = picture.ravel()[fresh]
        patience[at] = np.minimum(grown, _OLD).astype(np.uint16)
        swap = at[stays & (grown >= _READY)]
        means = self._mean.ravel()
        means[swap], candidates[swap] = candidates[swap], self._mean8.ravel()[swap]
        self._variance.ravel()[swap], self._frames.ravel()[swap], patience[swap] = FIRST_VARIANCE, 5, _OLD

    def _fade(self, step_s: float) -> None:
        """Let candidates and former backgrounds fall that are not seen."""
        self._unfaded_s += step_s
        self._pictures += 1
        if self._pictures % _FADE_PICTURES:
            return
        former = np.uint16((_OLD - _READY) * min(self._unfaded_s / FORMER_S, 1))
        other = np.uint16(_READY * min(self._unfaded_s / PATIENCE_S[1] / 2, 1))
        less = np.where(self._patience > _READY, former, np.minimum(self._patience, other))
        self._patience -= less
        self._unfaded_s = 0.0

    def _quantise(self) -> None:
        self._mean8 = np.asarray(cv2.convertScaleAbs(self._mean), dtype=np.uint8)
        self._shadow8 = np.asarray(cv2.convertScaleAbs(self._mean, alpha=SHADOW_SHARE), dtype=np.uint8)
        sigma = cv2.sqrt(self._variance)
        self._bound8 = np.asarray(cv2.convertScaleAbs(sigma, alpha=THRESHOLD_SIGMA), dtype=np.uint8)

    def shift(self, dx: int, dy: int, picture: U8) -> None:
        """Move the model by whole pixels, content and all; what comes into view is that of ``picture``."""
        for name, fill in self._fills(picture).items():
            moved = fill.copy()
            old = getattr(self, name)
            height, width = old.shape
            to = slice(max(dy, 0), height + min(dy, 0)), slice(max(dx, 0), width + min(dx, 0))
            source = slice(max(-dy, 0), height + min(-dy, 0)), slice(max(-dx, 0), width + min(-dx, 0))
            moved[to] = old[source]
            setattr(self, name, moved)
        self._quantise()

    def warp(self, A: F64, picture: U8) -> None:
        """Move the model by an affine map (2, 3) of its pixels; what comes into view is ``picture``'s."""
        height, width = picture.shape
        inside = cv2.warpAffine(np.full(picture.shape, 255, np.uint8), A, (width, height)) == 255
        for name, fill in self._fills(picture).items():
            how = cv2.INTER_LINEAR if name == "_mean" else cv2.INTER_NEAREST
            moved = cv2.warpAffine(getattr(self, name), A, (width, height), flags=how)
            setattr(self, name, np.where(inside, moved, fill))
        # Resampled again and again it would blur; so it is learned again.
        np.minimum(self._frames, WARPED_FRAMES, out=self._frames)
        self._quantise()

    def _fills(self, picture: U8) -> dict[str, NDArray[np.generic]]:
        fresh = Background.__new__(Background)
        Background.__init__(fresh, picture)
        return {name: getattr(fresh, name) for name in _LAYERS}


def difference(picture: U8, other: U8, slack_px: int = 0) -> U8:
    """How far each pixel is from the other picture's, or from the range of those within ``slack_px``."""
    if not slack_px:
        return np.asarray(cv2.absdiff(picture, other), dtype=np.uint8)
    kernel = np.ones((2 * slack_px + 1, 2 * slack_px + 1), np.uint8)
    above = cv2.subtract(picture, cv2.dilate(other, kernel))
    below = cv2.subtract(cv2.erode(other, kernel), picture)
    return np.asarray(cv2.max(above, below), dtype=np.uint8)
