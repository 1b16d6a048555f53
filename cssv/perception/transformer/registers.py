"""Test-time registers: an untrained token that takes the high norms away from outlier patches.

"Vision Transformers Don't Need Trained Registers" (Jiang et al., NeurIPS 2025): a few hidden neurons, active
at the outlier patches, produce the long tokens. Their activation is moved to an added token, initially zero,
and set to 0 at every patch. The outlier then appears in the added token.

The paper ranks neurons by their activation at outliers and takes a fixed number of them. Here they are ranked
by the length that the activation adds to the token, minus the length added elsewhere, because this also finds
neurons of small activation and large weight. The number is doubled until no outlier is left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64
from cssv.frames import U8
from cssv.perception.transformer.features import Features
from cssv.perception.transformer.network import VisionTransformer
from cssv.perception.transformer.norms import count_outliers, measure_norms
from cssv.perception.transformer.weights import F32

#: Largest number of neurons that are tried.
MOST_NEURONS = 128


@dataclass(frozen=True, slots=True)
class Neuron:
    """A hidden neuron of a block's perceptron.

    Attributes:
        block: number of the block, counted from 0.
        index: number within the block, counted from 0.
        written: mean length that it adds to outlier patches, minus the length it adds to the others.
    """

    block: int
    index: int
    written: float


class HealedTransformer:
    """A vision transformer with a test-time register after its patches.

    Attributes:
        model: the unchanged transformer.
        neurons: register neurons, with their activation moved to the register.
        name, sha256, patch_px: those of the model.
    """

    def __init__(self, model: VisionTransformer, neurons: Sequence[Neuron]) -> None:
        self.model = model
        self.neurons = tuple(neurons)
        self.name, self.sha256, self.patch_px = model.name, model.sha256, model.patch_px
        by_block: dict[int, list[int]] = defaultdict(list)
        for neuron in neurons:
            by_block[neuron.block].append(neuron.index)
        self._columns = {block: np.array(indices) for block, indices in by_block.items()}

    def look(self, picture: U8) -> Features:
        """Compute the features of a picture; the last token is the test-time register."""
        first = len(self.model.prefix)

        def move(block: int, hidden: F32) -> None:
            # Most blocks have no register neuron.
            columns = self._columns.get(block)
            if columns is None:
                return
            # The paper takes the largest activation; in a gated perceptron the strongest may be negative.
            strongest = np.abs(hidden[:, columns]).argmax(axis=0)
            hidden[-1, columns] = hidden[strongest, columns]
            hidden[first:-1, columns] = 0

        return self.model.run(picture, spare=1, watch=move)


def find_register_neurons(model: VisionTransformer, pictures: Sequence[U8]) -> tuple[Neuron, ...]:
    """Find the neurons that add the most length to outlier patches, the strongest first.

    Outliers are those of the block in which they exceed the median most. The search ends at the first block
    in which at least half of these patches are outliers: later neurons react to the outliers, but do not
    produce them. Pictures without outliers are not used.

    Args:
        model: the transformer.
        pictures: (H, W, 3) uint8 RGB, sides multiples of the patch.

    Returns:
        At most :data:`MOST_NEURONS`; none if no picture has an outlier.
    """
    sums: dict[int, F64] = {}
    used = 0
    for picture in pictures:
        blocks = measure_norms(model.look(picture))
        worst = max(blocks, key=lambda each: float(each.norms.max() - each.bound) / max(each.median, 1e-9))
        where = np.flatnonzero(worst.norms > worst.bound)
        if len(where):
            begun = (each.block for each in blocks if (each.norms[where] > each.bound).mean() >= 0.5)
            _collect(model, picture, where, next(begun), sums)
            used += 1
    ranked = [
        Neuron(block, int(index), float(written[index]) / used)
        for block, written in sums.items()
        for index in np.argsort(-written, kind="stable")[:MOST_NEURONS]
        if written[index] > 0
    ]
    ranked.sort(key=lambda neuron: (-neuron.written, neuron.block, neuron.index))
    return tuple(ranked[:MOST_NEURONS])


def _collect(
    model: VisionTransformer, picture: U8, where: NDArray[np.intp], last: int, sums: dict[int, F64]
) -> None:
    """Add to ``sums`` the excess length at outliers, for each neuron of the blocks up to ``last``."""
    first = len(model.prefix)
    is_outlying = np.zeros(picture.shape[0] * picture.shape[1] // model.patch_px**2, dtype=bool)
    is_outlying[where] = True

    def add(block: int, hidden: F32) -> None:
        if block <= last:
            size = np.abs(hidden[first:])
            here, there = (
                size[mask].sum(axis=0, dtype=np.float64) / max(np.count_nonzero(mask), 1)
                for mask in (is_outlying, ~is_outlying)
            )
            written = (here - there) * model.writing(block)
            sums[block] = sums[block] + written if block in sums else written

    model.run(picture, watch=add)


def heal(model: VisionTransformer, pictures: Sequence[U8]) -> HealedTransformer | None:
    """Add a test-time register to a model, so that the patches of some pictures have no outliers.

    Returns:
        The model with the smallest number of neurons (1, 2, 4 ...) that leaves no outlier, or else the fewest
        outliers; None if there are no outliers, or no number of neurons helps.
    """
    before = sum(count_outliers(model.look(picture)) for picture in pictures)
    neurons = find_register_neurons(model, pictures) if before else ()
    best, fewest, count = None, before, 1
    while fewest and count <= len(neurons):
        healed = HealedTransformer(model, neurons[:count])
        left = sum(count_outliers(healed.look(picture)) for picture in pictures)
        # Strictly fewer: at equal success the smaller change of the model is kept.
        if left < fewest:
            best, fewest = healed, left
        count *= 2
    return best
