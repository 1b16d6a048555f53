"""Ids of the objects in the output: given ids stay, the others are 1, 2, 3 in order of appearance.

A tracker numbers every object that it starts, and most of them are discarded as false alarms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class OutputIds:
    """The ids of the objects that were kept so far, by the identity in the tracker.

    Memory use: one number per object.
    """

    def __init__(self) -> None:
        self._of: dict[int, int] = {}
        self._given: dict[int, int] = {}
        self._issued: set[int] = set()
        self._last = 0

    def of(self, identity: int, given: int | None) -> int:
        """The id of an object; a new one if it has none yet.

        Args:
            identity: identity in the tracker.
            given: the id from the detector, which is the one of the output unless another object has it
                already; None if it gave none.
        """
        known = self._of if given is None else self._given
        if identity not in known:
            known[identity] = self._next() if given is None or given in self._issued else given
            self._issued.add(known[identity])
        return known[identity]

    def forget(self, identity: int) -> None:
        """Forget the identity of an object that has gone; its id is not issued again."""
        # An object that returns with its given id keeps it.
        self._of.pop(identity, None)

    def _next(self) -> int:
        self._last += 1
        while self._last in self._issued:
            self._last += 1
        return self._last


def output_ids(identities: Sequence[int], given: Mapping[int, int]) -> dict[int, int]:
    """Map identities to ids of the output.

    Args:
        identities: in order of appearance.
        given: identity -> id from the detector.
    """
    ids = OutputIds()
    # Given ids first, so that no number takes one of them.
    ordered = sorted(identities, key=lambda identity: identity not in given)
    return {identity: ids.of(identity, given.get(identity)) for identity in ordered}
