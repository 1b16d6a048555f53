"""Matching of entries to tracks by the letter of the rules: every entry looks at every track."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from cssv.scene.attributes import ATTRIBUTES
from cssv.scene.matching import ANY_LABEL, NEAR_BOUND_HEIGHTS, NEAR_SLACK_S, Facts


def plain_resolve(scene, sightings):
    """The facts on each track, as :func:`cssv.scene.matching.resolve` gives them."""
    found = {s.track: Facts(label=s.label) for s in sightings}
    for index, entry in enumerate(scene.objects):
        if entry.match is None:
            fits = [s for s in sightings if s.given == index]
        else:
            fits = [s for s in sightings if holds(entry.match, s, found[s.track].label)]
            if entry.match.near_px is not None:
                reached = [(*away, s.track, s) for s in fits if (away := distance(entry.match, s))]
                fits = [min(reached, key=lambda row: row[:3])[3]] if reached else []
        for sighting in fits:
            found[sighting.track] = overridden(found[sighting.track], entry, index)
    return found


def holds(match, sighting, label):
    if match.label not in (None, ANY_LABEL, label) or match.track not in (None, sighting.track):
        return False
    first, last = sighting.times_s[0], sighting.times_s[-1]
    return (match.from_s is None or last >= match.from_s) and (match.to_s is None or first <= match.to_s)


def distance(match, sighting):
    """Distances of the point from the box at its time and from the box's centre; None if out of reach."""
    times = sighting.times_s
    if not times[0] - NEAR_SLACK_S <= match.at_s <= times[-1] + NEAR_SLACK_S:
        return None
    x, y, w, h = (float(np.interp(match.at_s, times, column)) for column in sighting.boxes_px.T)
    px, py = match.near_px
    outside = math.hypot(max(x - px, px - x - w, 0), max(y - py, py - y - h, 0))
    if outside > NEAR_BOUND_HEIGHTS * h:
        return None
    return outside, math.hypot(x + w / 2 - px, y + h / 2 - py)


def overridden(facts, entry, index):
    names = ("name", "label", *(attribute.name for attribute in ATTRIBUTES), "template")
    stated = {name: value for name in names if (value := getattr(entry, name)) is not None}
    return replace(facts, **stated, extra=facts.extra | entry.extra, entries=(*facts.entries, index))
