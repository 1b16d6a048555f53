"""Result of the register meter for one picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cssv.errors import ModelError
from cssv.files.plain_json import to_finite
from cssv.frames import U8
from cssv.perception.transformer.features import Transformer
from cssv.perception.transformer.norms import BlockNorms, Outlier, find_outliers, measure_norms
from cssv.perception.transformer.registers import Neuron


@dataclass(frozen=True, slots=True, eq=False)
class Artefacts:
    """The lengths of a model's tokens on one picture.

    Attributes:
        model: description of the model, for the user.
        sha256: SHA-256 of the file of weights.
        width, height: size of the original picture, pixels.
        rows, columns: the grid of patches of the model's input.
        patch_px: side of a patch in pixels of the model's input.
        blocks: lengths of the tokens after each block, with their median.
        outliers: patches that are far too long after a block, by blocks, the longest first.
        neurons: register neurons moved to a test-time register; empty without healing.
        healed: the same measures with that register; None if it was not requested, needed or found.
        plot: path of the plot written; None if none was requested.
    """

    model: str
    sha256: str
    width: int
    height: int
    rows: int
    columns: int
    patch_px: int
    blocks: tuple[BlockNorms, ...]
    outliers: tuple[Outlier, ...]
    neurons: tuple[Neuron, ...] = ()
    healed: Artefacts | None = None
    plot: Path | None = None

    @property
    def patches(self) -> tuple[tuple[int, int], ...]:
        """Row and column of each patch that is an outlier after any block, the longest first."""
        worst: dict[tuple[int, int], float] = {}
        for each in self.outliers:
            place = (each.row, each.column)
            worst[place] = max(each.deviations, worst.get(place, 0.0))
        return tuple(sorted(worst, key=lambda place: (-worst[place], place)))

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        values = {
            "model": self.model,
            "sha256": self.sha256,
            "picture": [self.width, self.height],
            "patches": [self.columns, self.rows],
            "patch_px": self.patch_px,
            "blocks": [block.to_json() for block in self.blocks],
            "outliers": [outlier.to_json() for outlier in self.outliers],
            "neurons": [{"block": n.block, "index": n.index, "written": n.written} for n in self.neurons],
            "healed": None if self.healed is None else self.healed.to_json(),
            "plot": None if self.plot is None else str(self.plot),
        }
        # If more than half of the lengths are 0, the spread is 0, and deviations may be infinite.
        return to_finite(values)


def measure(model: Transformer, picture: U8, size: tuple[int, int]) -> Artefacts:
    """Measure a model on a picture.

    Args:
        model: the transformer.
        picture: (H, W, 3) uint8 RGB, sides multiples of the patch.
        size: width and height of the original picture; positions of outliers are in its pixels.

    Raises:
        ModelError: the model is an export without the tokens after each block.
    """
    features = model.look(picture)
    if not len(features.norms):
        raise ModelError(
            f"{model.name} has no output of the tokens after each block, so there is nothing to measure",
            bound="outputs hidden_states.1, hidden_states.2 ...",
            remedy="Export them too, or give the weights as safetensors.",
        )
    blocks = measure_norms(features)
    rows, columns = features.rows, features.columns
    outliers = find_outliers(blocks, columns, (size[0] / columns, size[1] / rows))
    return Artefacts(model.name, model.sha256, *size, rows, columns, model.patch_px, blocks, outliers)
