"""What all reported changes have in common: one line of words, plain JSON, and the wording of two values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any

from cssv.scene.text import arrow, spoken, value_text
from cssv.scene.values import JsonObject

Json = Any


class Change(ABC):
    """A difference between two versions. Subclasses are dataclasses; their fields are the JSON."""

    __slots__ = ()

    @property
    @abstractmethod
    def words(self) -> str:
        """One line for people."""

    def to_json(self) -> JsonObject:
        """Its fields as plain JSON types, and its words."""
        change: Any = self  # every subclass is a dataclass, which a type checker cannot know
        return {each.name: getattr(self, each.name) for each in fields(change)} | {"words": self.words}


class ValueChange(Change):
    """A change of one attribute from one plain JSON value to another; None is not given.

    Attributes:
        attribute: the field's name.
        before, after: plain JSON values.
        unit: of the values; empty if there is none.
    """

    __slots__ = ()
    attribute: str
    before: Json
    after: Json
    unit: str

    @property
    @abstractmethod
    def subject(self) -> str:
        """The section or object that changes."""

    @property
    def words(self) -> str:
        """One line for people: ``subject: temperature 36 °C -> 37 °C``."""
        return f"{self.subject}: {self.what}"

    @property
    def what(self) -> str:
        """The line without its subject."""
        return self._what()

    def _what(self) -> str:
        return f"{self.name} {arrow(self._side(self.before), self._side(self.after))}"

    @property
    def name(self) -> str:
        """The attribute in words."""
        return spoken(self.attribute)

    def _side(self, value: Json) -> str:
        return value_text(value, self.unit)
