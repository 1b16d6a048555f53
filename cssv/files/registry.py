"""A table of named factories: built in, registered by a program, or provided by installed packages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar, cast

from cssv.errors import CssvError, OptionError, did_you_mean
from cssv.files.system import loading

#: Type of the factories of one registry, such as ``Callable[..., Detector]`` or ``type[Carrier]``.
T = TypeVar("T")
_Default = TypeVar("_Default")

#: Names stand on the command line and in files, so that they hold no spaces, quotes or commas.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Registry(Mapping[str, T], Generic[T]):
    """A read-only mapping from names to factories (classes or functions), each imported at its first use.

    The order is: built-in names, then those of :meth:`register`, then those of installed packages, sorted.
    A package provides a factory by an entry point, in its ``pyproject.toml``::

        [project.entry-points."cssv.detectors"]
        radar = "radar_package.detector:RadarDetector"

    A built-in or registered name hides an entry point of the same name. Entry points are looked up once, when
    the names are first needed. ``values()`` and ``items()`` import every factory.

    Args:
        what: what the factories make, one word for error messages: ``"detector"``.
        built_in: name -> ``"module:attribute"``.
        group: the entry-point group that packages use: ``"cssv.detectors"``.
    """

    def __init__(self, what: str, built_in: Mapping[str, str], group: str) -> None:
        self.what = what
        self.group = group
        self._built_in = {name: EntryPoint(name, value, group) for name, value in built_in.items()}
        self._registered: dict[str, T | EntryPoint] = {}
        self._provided: dict[str, list[EntryPoint]] | None = None

    @property
    def built_in(self) -> tuple[str, ...]:
        """The names of the library itself."""
        return tuple(self._built_in)

    def register(self, name: str, factory: T | str) -> None:
        """Add a factory under a name of its own, for this process.

        Args:
            name: letters, digits, ``_``, ``.`` and ``-``.
            factory: a class or function, or ``"module:attribute"``, which is imported at its first use.

        Raises:
            OptionError: the name has other characters or is taken, or the factory cannot be called.
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise OptionError(
                f"not a name for a {self.what}", found=str(name), bound="letters, digits, '_', '.' and '-'"
            )
        # Replacing a factory silently would change what other code in the process gets by that name.
        if name in self._built_in or name in self._registered:
            raise OptionError(
                f"the name of a {self.what} is taken", found=name, remedy="Choose another name."
            )
        if isinstance(factory, str):
            self._registered[name] = EntryPoint(name, factory, self.group)
        else:
            self._registered[name] = self._checked(name, factory)

    def unregister(self, name: str) -> None:
        """Remove a name that :meth:`register` added; an OptionError for any other."""
        if name not in self._registered:
            raise OptionError(
                f"no {self.what} of this name was registered",
                found=str(name),
                bound=", ".join(self._registered) or "none was",
            )
        del self._registered[name]

    def __getitem__(self, name: str) -> T:
        """The factory of a name, imported now.

        Raises:
            OptionError: no factory has this name; or the package that provides it cannot be imported, holds
                no such attribute, or shares the name with another package.
        """
        # Unhashable values come from callers that pass a factory or a list where a name is meant.
        if not isinstance(name, str):
            raise self._unknown(name)
        if name in self._built_in:
            # An error in a module of this library is a bug, which its own traceback shows best.
            with loading(f"the {self.what} {name!r}"):
                return cast("T", self._built_in[name].load())
        if name in self._registered:
            factory = self._registered[name]
            return self._load(factory) if isinstance(factory, EntryPoint) else factory
        found = self._entry_points().get(name)
        if found is None:
            raise self._unknown(name)
        if len(found) > 1:
            # Which one comes first depends on the order of installation, so that neither may be chosen.
            raise OptionError(
                f"several packages provide a {self.what} of this name",
                found=f"{name} by {', '.join(_package(point) for point in found)}",
                bound="one package",
                remedy="Uninstall all but one.",
            )
        return self._load(found[0])

    def __iter__(self) -> Iterator[str]:
        yield from self._built_in
        yield from self._registered
        hidden = {*self._built_in, *self._registered}
        yield from sorted(name for name in self._entry_points() if name not in hidden)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        # The test of Mapping would import the factory, and would not expect an OptionError.
        return isinstance(name, str) and name in iter(self)

    def get(self, name: str, default: _Default | None = None) -> T | _Default | None:  # type: ignore[override]
        """The factory of a name, or ``default`` where no factory has this name."""
        # The lookup of Mapping expects a KeyError, not an OptionError.
        return self[name] if name in iter(self) else default

    def __repr__(self) -> str:
        return f"Registry({self.what!r}: {', '.join(self)})"

    def _entry_points(self) -> dict[str, list[EntryPoint]]:
        """The entry points of installed packages by name, looked up once."""
        if self._provided is None:
            self._provided = {}
            for point in entry_points(group=self.group):
                self._provided.setdefault(point.name, []).append(point)
        return self._provided

    def _load(self, point: EntryPoint) -> T:
        """Import a factory from outside this library; one error for whatever its module raises."""
        try:
            factory = point.load()
        except Exception as error:
            if not isinstance(error, CssvError):
                # Importing runs the package's code, which can fail in any way.
                raise OptionError(
                    f"the {self.what} {point.name!r} cannot be loaded from {point.value!r}",
                    found=f"{type(error).__name__}: {error}",
                    remedy=f"Repair or uninstall {_package(point)}.",
                ) from error
            # The package uses the errors of this library, such as MissingExtraError: they are clear already.
            raise
        return self._checked(point.name, cast("T", factory))

    def _checked(self, name: str, factory: T) -> T:
        if not callable(factory):
            raise OptionError(
                f"the {self.what} {name!r} cannot be made",
                found=f"a {type(factory).__name__}: {factory!r}"[:80],
                bound="a class or function",
            )
        return factory

    def _unknown(self, name: object) -> OptionError:
        return OptionError(
            f"unknown {self.what}", found=str(name), bound=", ".join(self), remedy=did_you_mean(name, self)
        )


def _package(point: EntryPoint) -> str:
    """Name of the installed package that provides an entry point."""
    return f"the package {point.dist.name}" if point.dist is not None else "the package that provides it"
