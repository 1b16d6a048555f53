"""A plot of token norms in a vision transformer: a histogram per block, and a map of the outlier patches.

It needs matplotlib, the extra ``plot``. Figures are made without ``pyplot``, which keeps global state.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np

from cssv.boxes import F64
from cssv.errors import MissingExtraError
from cssv.frames import U8
from cssv.perception.transformer.meter import Artefacts
from cssv.perception.transformer.norms import BlockNorms

#: Types of matplotlib, which is imported only when a plot is drawn.
Axes: TypeAlias = Any
Figure: TypeAlias = Any

#: Dots per inch, and sizes in inches: width of the figure, height of a block's row, the rest of a panel's
#: height, and the least height of a panel, which the map needs.
_DPI, _WIDTH, _ROW, _REST, _LEAST = 100, 12.0, 0.32, 1.6, 5.0
_BAR, _MEDIAN, _BOUND, _OUTLIER = "#466eb4", "#787878", "#f5aaaa", "#d62828"
#: Bins of a histogram, and the share of a row that its highest bar fills.
_BINS, _FILL = 160, 0.75
#: Longest side of the picture in the map, pixels.
_MAP_PX = 800


def draw_norms(picture: U8, done: Artefacts) -> U8:
    """Draw the plot as a picture: (H, W, 3) uint8 RGB.

    Args:
        picture: (H, W, 3) uint8 RGB, the picture that was measured.
        done: its measures; after healing, a second panel shows the measures with the register.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(norms_figure(picture, done))
    canvas.draw()
    return np.array(canvas.buffer_rgba(), dtype=np.uint8)[..., :3].copy()


def require_matplotlib() -> None:
    """Raise a MissingExtraError unless matplotlib can be imported."""
    try:
        import matplotlib.figure  # noqa: F401 - only to see if it is installed
    except ImportError as error:
        raise MissingExtraError(
            "a plot needs matplotlib", remedy="Install it with: pip install '.[plot]'"
        ) from error


def norms_figure(picture: U8, done: Artefacts) -> Figure:
    """Draw the plot as a figure of matplotlib: one panel, and a second one below it after healing."""
    import matplotlib.figure

    panels = [(done, "")]
    if done.healed is not None:
        moved = f"{len(done.neurons)} neuron{'' if len(done.neurons) == 1 else 's'} moved"
        panels.append((done.healed, f" with a test-time register ({moved})"))
    # Both panels share one axis, so that the effect of healing can be compared by eye.
    span = _span([measured for measured, _ in panels])
    heights = [max(_LEAST, _REST + _ROW * len(measured.blocks)) for measured, _ in panels]
    figure = matplotlib.figure.Figure(figsize=(_WIDTH, sum(heights)), dpi=_DPI, layout="constrained")
    parts = figure.subfigures(len(panels), 1, squeeze=False, height_ratios=heights)
    for part, (measured, suffix) in zip(parts[:, 0], panels, strict=True):
        part.suptitle(f"{measured.model}{suffix}", parse_math=False)
        left, right = part.subplots(1, 2, width_ratios=(1.5, 1))
        _draw_histograms(left, measured, span)
        part.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=3, frameon=False)
        _draw_map(right, picture, measured)
    return figure


def _span(panels: list[Artefacts]) -> tuple[float, float]:
    """Lowest and highest norm of the logarithmic axis, which includes every median and bound."""
    blocks = [block for each in panels for block in each.blocks]
    norms = np.concatenate([[*block.norms, block.bound] for block in blocks])
    low, high = float(norms.min()), float(norms.max())
    # A single norm near 0 would squeeze all others into a corner of a logarithmic axis.
    low = max(low, min(block.median for block in blocks) / 10, 1e-9)
    return low / 1.1, max(high, low) * 1.1


def _draw_histograms(axes: Axes, done: Artefacts, span: tuple[float, float]) -> None:
    """Draw one row per block, the first at the top: counts, median, bound and outliers."""
    axes.set_xscale("log")
    _set_ticks(axes, span)
    axes.set_xlim(*span)
    axes.set_ylim(len(done.blocks), 0)
    axes.set_yticks(np.arange(len(done.blocks)) + 1.0, [f"block {block.block}" for block in done.blocks])
    axes.grid(visible=True, axis="x", color="#e1e1e1")
    axes.set_axisbelow(True)
    axes.set_title("Norms of the patch tokens after each block, before the final LayerNorm", fontsize=10)
    edges = np.geomspace(*span, _BINS + 1)
    for row, block in enumerate(done.blocks):
        base = row + 1.0
        counts = np.histogram(np.clip(block.norms, *span), edges)[0]
        bars = base - _FILL * counts / max(int(counts.max()), 1)
        axes.stairs(bars, edges, baseline=base, fill=True, color=_BAR)
        axes.vlines(block.median, base - _FILL, base, color=_MEDIAN, label="" if row else "median")
        axes.vlines(block.bound, base - _FILL, base, color=_BOUND, label="" if row else "bound of outliers")
    _draw_outliers(axes, done)
    axes.set_xlabel("Euclidean norm")


def _draw_outliers(axes: Axes, done: Artefacts) -> None:
    """Draw a dot for each norm above its block's bound."""
    above = [
        (row, norm)
        for row, block in enumerate(done.blocks)
        for norm in block.norms[block.norms > block.bound]
    ]
    # An empty series would still add an entry to the legend.
    if above:
        rows, norms = zip(*above, strict=True)
        axes.scatter(norms, np.array(rows) + 0.85, color=_OUTLIER, label="outlier", zorder=3)


def _set_ticks(axes: Axes, span: tuple[float, float]) -> None:
    """Set the ticks of the logarithmic axis, few enough that the numbers do not overlap."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    decades = float(np.log10(span[1] / span[0]))
    locator: Any
    # Half a decade may contain no power of ten, nor 2 or 5 times one.
    if decades < 0.5:
        locator = MaxNLocator(6)
    elif decades < 3:
        locator = LogLocator(subs=(1, 2, 5))
    else:
        locator = LogLocator(numticks=10)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _worst(done: Artefacts) -> BlockNorms:
    """Block with the largest ratio of the longest token to the median."""
    return max(done.blocks, key=lambda block: float(block.norms.max()) / max(block.median, 1e-9))


def _draw_map(axes: Axes, picture: U8, done: Artefacts) -> None:
    """Draw the picture with the norms of its patches in the worst block; outliers are outlined."""
    from matplotlib.patches import Rectangle

    worst = _worst(done)
    shares: F64 = np.clip(worst.norms / (4 * max(worst.median, 1e-9)), 0, 1).reshape(done.rows, done.columns)
    extent = (0.0, float(done.columns), float(done.rows), 0.0)
    # Pixels of the original picture are square, but patches need not be square in it.
    height, width = picture.shape[:2]
    aspect = (height / done.rows) / (width / done.columns)
    axes.imshow(_shrunk(picture), extent=extent, aspect=aspect)
    axes.imshow(
        shares,
        cmap="viridis",
        vmin=0,
        vmax=1,
        alpha=0.55,
        extent=extent,
        aspect=aspect,
        interpolation="nearest",
    )
    for row, column in done.patches:
        axes.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor=_OUTLIER, linewidth=2))
    axes.set_xticks([])
    axes.set_yticks([])
    count = len(done.patches)
    found = f"{count} outlier patch{'' if count == 1 else 'es'}" if count else "no outlier patches"
    axes.set_title(f"{found}; bright: large norm after block {worst.block}", fontsize=10)


def _shrunk(picture: U8) -> U8:
    """Reduce the picture to the size of the map, if it is larger."""
    scale = _MAP_PX / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
