"""Background model of a still scene, per pixel, and the mask of pixels that differ from it.

Every pixel has a Gaussian of its background (Wren et al., PAMI 1997) and a candidate: the other value that it
had for the longest time. A candidate that persists is exchanged with the background. So an object that
stopped long ago becomes background, and when it leaves again, the uncovered pixels match the former
background. Pictures are compared in bytes, which takes a fifth of the time of a mixture of Gaussians in
floats.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64
from cssv.frames import U8

#: A pixel differs from its background by more than this many standard deviations.
THRESHOLD_SIGMA = 4.0
#: Variances in grey levels squared: the initial one of a pixel, and bounds.
FIRST_VARIANCE = 15.0
VARIANCE_RANGE = (9.0, 75.0)
#: A single squared deviation counts as at most this multiple of the variance.
OWN_NOISE = 3.0
#: A pixel is in shadow if it is darker than the background, but not below this share of it.
SHADOW_SHARE = 0.7
#: Brightness is measured on a grid with this step, at pixels of medium levels, at least this many. A change
#: is followed if it exceeds this share.
LIGHT_STEP_PX = 6
LIGHT_LEVELS = (25, 240)
LIGHT_POINTS = 50
LIGHT_CHANGE = 0.01
#: Pixels of the scene follow a change of light within this many grey levels.
LIGHT_AGREE = 6.0
#: Smallest ratio of two brightnesses.
DARKEST = 0.05
#: A candidate keeps its value within this many grey levels.
CANDIDATE_LEVELS = 15
#: Time constant of the running mean of the background.
MEMORY_S = 60.0
#: A candidate becomes background after this time (least, most). It grows by this share of the time for which
#: the background was observed, because early backgrounds are often objects present at the start.
PATIENCE_S = (1.5, 15.0)
PATIENCE_GROWTH = 0.4
#: A former background is discarded if it is not observed again within this time.
FORMER_S = 30.0
#: A background counts as former background only if it was observed in this many learned pictures.
FORMER_FRAMES = 60
#: A resampled background counts as observed in at most this many pictures.
WARPED_FRAMES = 20
#: Candidates are reduced once in this many pictures.
_FADE_PICTURES = 8
#: And because the background is visible, once in this many.
_DOUBT_PICTURES = 4

#: Levels of patience: candidates rise to the first; former backgrounds lie above it and fall back to it.
_READY, _OLD = 60_000, 65_535
_LAYERS = ("_mean", "_variance", "_frames", "_candidate", "_patience")
F32 = NDArray[np.float32]


class Background:
    """A background model for one picture size. All pictures are (h, w) uint8.

    Args:
        picture: the first picture; it is background until other values are observed.
    """

    def __init__(self, picture: U8) -> None:
        self._mean: F32 = picture.astype(np.float32)
        self._variance: F32 = np.full_like(self._mean, FIRST_VARIANCE)
        self._frames: F32 = np.ones_like(self._mean)
        self._candidate = picture.copy()
        self._patience: NDArray[np.uint16] = np.zeros(picture.shape, np.uint16)
        self._unfaded_s = self._watched_s = self._undoubted_s = 0.0
        self._pictures = 0
        self._quantise()

    @property
    def picture(self) -> U8:
        """The current background, (h, w) uint8."""
        return self._mean8

    def follow_light(self, picture: U8) -> None:
        """Scale the background to the brightness of the picture: light changes all pixels alike."""
        now, before = (a[::LIGHT_STEP_PX, ::LIGHT_STEP_PX].astype(np.float32) for a in (picture, self._mean))
        # Very dark pixels have noisy ratios, and saturated ones do not follow the light.
        clear = (before > LIGHT_LEVELS[0]) & (before < LIGHT_LEVELS[1]) & (now < LIGHT_LEVELS[1])
        if np.count_nonzero(clear) < LIGHT_POINTS:
            return
        gain = _gain(now[clear], before[clear])
        # Slower changes are learned; repeated small gains would accumulate rounding errors.
        if abs(gain - 1) > LIGHT_CHANGE:
            self._mean *= np.float32(gain)
            self._candidate = np.asarray(cv2.convertScaleAbs(self._candidate, alpha=gain), dtype=np.uint8)
            self._quantise()

    def compare(self, picture: U8, *, slack_px: int = 0) -> U8:
        """Mask of the foreground: 255 where a pixel is neither background nor its shadow, 0 elsewhere.

        Args:
            picture: the current picture.
            slack_px: largest misalignment of the picture and the background, in pixels.
        """
        far = cv2.compare(difference(picture, self._mean8, slack_px), self._bound8, cv2.CMP_GT)
        shadow = cv2.inRange(picture, self._shadow8, self._mean8)
        # A former background is visible again where an object has left.
        old = cv2.bitwise_and(self._old(), self._like_candidate(picture))
        return np.asarray(cv2.bitwise_and(far, cv2.bitwise_not(cv2.bitwise_or(shadow, old))), dtype=np.uint8)

    def learn(self, picture: U8, step_s: float, *, slack_px: int = 0) -> None:
        """Update the model with a picture ``step_s`` seconds after the last; slack as in :meth:`compare`."""
        far = cv2.compare(difference(picture, self._mean8, slack_px), self._bound8, cv2.CMP_GT)
        near = far == 0
        self._learn_near(picture, near, step_s)
        self._learn_far(picture, np.flatnonzero(far), step_s)
        self._doubt(near, step_s)
        self._fade(step_s)
        self._quantise()

    def accept(self, picture: U8, where: NDArray[np.bool_]) -> None:
        """Make the picture's pixels at ``where`` the background."""
        self._mean[where], self._variance[where], self._frames[where] = picture[where], FIRST_VARIANCE, 5
        self._patience[where] = 0
        self._quantise()

    def _old(self) -> U8:
        """Mask: 255 where the candidate is a former background."""
        return (self._patience > _READY).view(np.uint8) * np.uint8(255)

    def _like_candidate(self, picture: U8) -> U8:
        away = cv2.absdiff(picture, self._candidate)
        return np.asarray(cv2.inRange(away, 0, CANDIDATE_LEVELS), dtype=np.uint8)

    def _learn_near(self, picture: U8, near: NDArray[np.bool_], step_s: float) -> None:
        # A young pixel takes the plain mean of its values; an old one an exponential mean of time MEMORY_S.
        self._frames += near
        rate = np.maximum(1 / self._frames, np.float32(step_s / MEMORY_S))
        rate *= near
        away: F32 = np.asarray(cv2.subtract(picture, self._mean, dtype=cv2.CV_32F), dtype=np.float32)
        self._mean += rate * away
        away *= away
        # Objects of nearly the background's grey pass within the bound; they are no noise of the pixel.
        np.minimum(away, OWN_NOISE * self._variance, out=away)
        away -= self._variance
        away *= rate
        self._variance += away
        np.clip(self._variance, *VARIANCE_RANGE, out=self._variance)

    def _learn_far(self, picture: U8, at: NDArray[np.intp], step_s: float) -> None:
        """Raise the patience of candidates where the pixels ``at`` have their value; lower it elsewhere."""
        candidates, patience, high = self._candidate.ravel(), self._patience.ravel(), PATIENCE_S[1]
        values, before = picture.ravel()[at], patience[at].astype(np.float64)
        old = before > _READY
        stays = np.abs(values.astype(np.int16) - candidates[at]) <= CANDIDATE_LEVELS
        # What was background for a moment only was a moving object of the first picture.
        observed_s = self._frames.ravel()[at] * step_s
        step = _READY * step_s / np.minimum(PATIENCE_S[0] + PATIENCE_GROWTH * observed_s, high)
        # A third value in front of two backgrounds gradually replaces the former background. In front of a
        # candidate it has one vote against it: the value seen for most of the time wins (Boyer and Moore).
        step[old & ~stays] = (_OLD - _READY) * step_s / high
        grown = np.where(stays, before + step, before - step)
        fresh = at[~stays & (grown <= 0)]
        candidates[fresh] = picture.ravel()[fresh]
        patience[at] = np.clip(grown, 0, _OLD).astype(np.uint16)
        swap = at[stays & (grown >= _READY)]
        means, frames = self._mean.ravel(), self._frames.ravel()
        means[swap], candidates[swap] = candidates[swap], self._mean8.ravel()[swap]
        # What was there only for a moment was a moving object of the first picture, and no background.
        patience[swap] = np.where(frames[swap] >= FORMER_FRAMES, _OLD, 0)
        self._variance.ravel()[swap], frames[swap] = FIRST_VARIANCE, 5

    def _doubt(self, near: NDArray[np.bool_], step_s: float) -> None:
        """Lower the patience of candidates where the background is visible, as fast as it rises elsewhere."""
        # Else vehicles of one grey that pass now and then would become background together.
        low, high = PATIENCE_S
        self._watched_s += step_s
        self._undoubted_s += step_s
        # One picture stands for the few before it, because the pass takes time.
        if self._pictures % _DOUBT_PICTURES:
            return
        needed_s = min(low + PATIENCE_GROWTH * self._watched_s, high)
        less = np.uint16(min(_READY * self._undoubted_s / needed_s, _READY))
        held, self._undoubted_s = self._patience, 0.0
        # Former backgrounds have a memory of their own.
        held -= np.minimum(held, less) * (near & (held <= _READY))

    def _fade(self, step_s: float) -> None:
        """Reduce the patience of candidates and former backgrounds that are not observed."""
        self._unfaded_s += step_s
        self._pictures += 1
        # Integer patience cannot fall by the small amount of a single picture, and the pass takes time.
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
        """Shift the model by whole pixels; newly visible pixels are filled from ``picture``."""
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
        """Warp the model by an affine map (2, 3); newly visible pixels are filled from ``picture``."""
        height, width = picture.shape
        inside = cv2.warpAffine(np.full(picture.shape, 255, np.uint8), A, (width, height)) == 255
        for name, fill in self._fills(picture).items():
            # Only the mean is a picture; counters and candidates must not be mixed between neighbours.
            how = cv2.INTER_LINEAR if name == "_mean" else cv2.INTER_NEAREST
            moved = cv2.warpAffine(getattr(self, name), A, (width, height), flags=how)
            setattr(self, name, np.where(inside, moved, fill))
        # Repeated resampling blurs the mean, so it must be able to learn quickly again.
        np.minimum(self._frames, WARPED_FRAMES, out=self._frames)
        self._quantise()

    def _fills(self, picture: U8) -> dict[str, NDArray[np.generic]]:
        fresh = Background.__new__(Background)
        Background.__init__(fresh, picture)
        return {name: getattr(fresh, name) for name in _LAYERS}


def _gain(now: F32, before: F32) -> float:
    """Ratio of the brightness of the scene in two pictures, from values of the same pixels."""
    middle = max(float(np.median(now / before)), DARKEST)
    if abs(middle - 1) <= LIGHT_CHANGE:
        return 1.0
    best, least = 1.0, np.inf
    # The median is not affected by objects that cover a small part. Large ones and their shadows shift it,
    # but then the scene agrees better with its old brightness.
    for start in (1.0, middle):
        # In the levels of the background: in dark levels every difference is small.
        near = np.abs(now / start - before) < LIGHT_AGREE
        if not near.any():
            continue
        gain = float(now[near].sum() / before[near].sum())
        cost = float(np.minimum(np.abs(now / gain - before), LIGHT_AGREE).mean())
        if cost < least:
            best, least = gain, cost
    return best


def difference(picture: U8, other: U8, slack_px: int = 0) -> U8:
    """Absolute difference of each pixel from the other picture, or from its range within ``slack_px``."""
    if not slack_px:
        return np.asarray(cv2.absdiff(picture, other), dtype=np.uint8)
    kernel = np.ones((2 * slack_px + 1, 2 * slack_px + 1), np.uint8)
    above = cv2.subtract(picture, cv2.dilate(other, kernel))
    below = cv2.subtract(cv2.erode(other, kernel), picture)
    return np.asarray(cv2.max(above, below), dtype=np.uint8)
