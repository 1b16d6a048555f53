"""Forms of the nibble carrier: which one suits the options of an encoding."""

from __future__ import annotations

from typing import Literal

from cssv.errors import check_choice

#: What users call all forms together.
FAMILY = "nibble"
Fidelity = Literal["sparse", "full"]
FIDELITIES: tuple[Fidelity, ...] = ("sparse", "full")
DEFAULT_FIDELITY: Fidelity = "sparse"
#: Names of the forms in the registry of carriers. Version 1 of the pixels has the name of the family, and is
#: only read and committed to.
MIXED, SPARSE, FULL = "mixed", "sparse", "full"
FORM_NAMES = (MIXED, SPARSE, FULL)


def choose_form(fidelity: object, *, is_lossless: bool) -> str:
    """The name of the carrier that has these options.

    Args:
        fidelity: of :data:`FIDELITIES`; None for the default.
        is_lossless: whether the whole picture must come back exactly.

    Raises:
        OptionError: an unknown fidelity.
    """
    fidelity = DEFAULT_FIDELITY if fidelity is None else fidelity
    check_choice("fidelity", fidelity, FIDELITIES)
    if fidelity == "full":
        return FULL
    return SPARSE if is_lossless else MIXED


def family_name(name: str) -> str:
    """The name of a carrier that users know: of a form, that of its family."""
    return FAMILY if name in FORM_NAMES else name


#: What the pixels of a file hold, by the carrier that its facts name, for people.
DESCRIPTIONS = {
    "nibble": "version 1, lossless: the heat map in the low nibbles",
    MIXED: "version 2, mixed: exact where rings are drawn, lossy elsewhere, with a room",
    SPARSE: "version 2, lossless: rings in the low nibbles, and marks that tell of all objects",
    FULL: "version 2, lossless: the heat map in every byte",
}
