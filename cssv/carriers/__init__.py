"""Carriers: ways to hide the heat map of a frame in its pixels, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cssv.carriers.base import AnyCarrier, Carrier, WindowCarrier
from cssv.carriers.nibble.forms import family_name
from cssv.errors import CarrierError, ContainerError, OptionError, OptionTypeError, did_you_mean
from cssv.files.registry import Registry

#: Name -> class of the carrier. Other packages add theirs by the entry-point group ``cssv.carriers``.
CARRIERS: Registry[type[AnyCarrier]] = Registry(
    "carrier",
    {
        "nibble": "cssv.carriers.nibble.carrier:NibbleCarrier",
        "full": "cssv.carriers.nibble.full:FullCarrier",
        "mixed": "cssv.carriers.nibble.mixed:MixedCarrier",
        "sparse": "cssv.carriers.nibble.sparse:SparseCarrier",
        "constructive": "cssv.carriers.constructive.carrier:ConstructiveCarrier",
        "robust": "cssv.carriers.robust.carrier:RobustCarrier",
    },
    "cssv.carriers",
)
#: Carrier of a file whose facts name none, and of an encoding that asks for none.
DEFAULT_CARRIER = "nibble"


def make_carrier(carrier: str | AnyCarrier, options: Mapping[str, object]) -> AnyCarrier:
    """Create a carrier by name with options; those that are None keep the carrier's default.

    Raises:
        OptionError: an unknown name, an option that the carrier does not have, a value that it does not
            take, or options beside a carrier object.
    """
    given: dict[str, str] = {}
    for key, value in options.items():
        if isinstance(value, str):
            given[key] = value
        elif value is not None:
            raise OptionTypeError(f"`{key}=` is not a name", found=repr(value))
    if not isinstance(carrier, str):
        if not isinstance(carrier, Carrier | WindowCarrier):
            raise OptionTypeError(
                "not a carrier",
                found=type(carrier).__name__,
                bound=f"a Carrier, a WindowCarrier, or one of {', '.join(CARRIERS)}",
            )
        if given:
            raise OptionError(
                "options belong to a carrier given by name",
                found=", ".join(given),
                remedy="Set them on the object.",
            )
        return carrier
    made = CARRIERS[carrier].from_options(given)
    for key in given:
        if key not in made.options():
            takes = ", ".join(made.options())
            raise OptionError(
                f"the {family_name(carrier)} carrier has no option {key}",
                found=given[key],
                bound=takes or "no options",
                remedy=did_you_mean(key, made.options()),
            )
    return made


def carrier_to_facts(carrier: AnyCarrier) -> dict[str, str]:
    """Facts that name a carrier and its options. The default carrier is named by no fact."""
    named = {} if carrier.name == DEFAULT_CARRIER else {"carrier": carrier.name}
    return named | carrier.options()


def carrier_from_facts(facts: Mapping[str, Any]) -> AnyCarrier:
    """The carrier of a file. Inverse of :func:`carrier_to_facts`.

    Raises:
        CarrierError: this installation has no such carrier.
        OptionError: options that the carrier does not take.
    """
    name = facts.get("carrier", DEFAULT_CARRIER)
    if name not in CARRIERS:
        raise CarrierError(
            "the file needs a carrier that is not installed",
            found=str(name),
            bound=", ".join(CARRIERS),
            remedy="Install the package that provides it.",
        )
    return CARRIERS[name].from_options({key: value for key, value in facts.items() if isinstance(value, str)})


def carrier_of_file(facts: Mapping[str, Any]) -> AnyCarrier:
    """The carrier that reads a file.

    Raises:
        ContainerError: the facts hold options that the carrier does not take.
        CarrierError: this installation has no such carrier.
    """
    try:
        return carrier_from_facts(facts)
    except OptionError as error:
        raise ContainerError("the facts of the file do not fit its carrier", found=str(error)) from error
