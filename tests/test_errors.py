"""Errors: one tree, stable kinds, and fields that survive a trip to another process."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

import cssv
from cssv.errors import CssvError, InputError, LockedError, OutputError, SceneError

#: What programs may match on; a kind that is here never changes.
KINDS = {
    "CssvError": "cssv",
    "InputError": "input",
    "VideoError": "video",
    "SceneError": "scene",
    "BoxesError": "boxes",
    "ThermalError": "thermal",
    "FrameError": "frame",
    "ModelError": "model",
    "OptionError": "option",
    "CarrierError": "carrier",
    "NibblesLostError": "nibbles_lost",
    "FramingError": "framing",
    "ContainerError": "container",
    "ChecksumError": "checksum",
    "LimitError": "limit",
    "RevisionError": "revision",
    "OutputError": "output",
    "ExistsError": "exists",
    "LockedError": "locked",
    "ClosedError": "closed",
    "PasswordError": "password",
    "MissingExtraError": "extra",
}


class PositionError(InputError):
    """An error as a plug-in may define it: two required arguments, and a field of its own."""

    kind = "position"

    def __init__(self, line: int, column: int) -> None:
        self.place = (line, column)
        super().__init__("wrong place", found=f"{line}:{column}", remedy="Look at `weights=`.")


class DeepPositionError(PositionError):
    """A subclass of such an error, with a keyword that has no default."""

    def __init__(self, line: int, *, depth: int) -> None:
        super().__init__(line, 0)
        self.depth = depth


class FullDiskError(OutputError):
    """An error that is also an OSError and takes two arguments, as those of the system do."""

    kind = "full"

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text, found=number)
        self.number = number


#: How to make an error whose constructor does not take ``what``.
MAKERS = {
    SceneError: lambda: SceneError("bad scene", faults=("$.camera: 3", "$.objects: 4"), remedy="Mend it."),
    LockedError: lambda: LockedError("clip.cssv", 4711),
    PositionError: lambda: PositionError(3, 4),
    DeepPositionError: lambda: DeepPositionError(3, depth=5),
    FullDiskError: lambda: FullDiskError(28, "no room"),
}


def tree(kind: type[CssvError] = CssvError) -> list[type[CssvError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in tree(child))]


def error_of(kind: type[CssvError]) -> CssvError:
    if kind in MAKERS:
        return MAKERS[kind]()
    return kind("it is wrong", found=(1, "two"), bound="0 to 3", remedy="Give `weights=` a path.")


def load_every_module() -> None:
    """Import all of the library, so that ``__subclasses__`` finds errors defined anywhere."""
    for module in pkgutil.walk_packages(cssv.__path__, "cssv."):
        importlib.import_module(module.name)


def assert_same(found: CssvError, error: CssvError) -> None:
    assert type(found) is type(error)
    assert found is not error
    assert str(found) == str(error)
    assert repr(found) == repr(error)
    assert found.args == error.args
    assert vars(found) == vars(error)
    assert found.kind == error.kind


def test_kinds_are_stable_and_each_is_used_once():
    load_every_module()
    ours = [kind for kind in tree() if kind.__module__.startswith("cssv.")]
    assert {kind.__name__: kind.kind for kind in ours if kind.__name__ in KINDS} == KINDS
    kinds = [kind.kind for kind in ours if "kind" in vars(kind)]
    assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_class_survives_pickling(protocol):
    load_every_module()
    kinds = tree()
    assert {PositionError, DeepPositionError, FullDiskError, *MAKERS} <= set(kinds)
    for kind in kinds:
        error = error_of(kind)
        assert_same(pickle.loads(pickle.dumps(error, protocol)), error)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_every_class_survives_copying(duplicate):
    load_every_module()
    for kind in tree():
        error = error_of(kind)
        assert_same(duplicate(error), error)


def test_fields_survive():
    locked = pickle.loads(pickle.dumps(LockedError("clip.cssv", 4711)))
    assert (locked.pid, locked.kind) == (4711, "locked")
    assert "process 4711" in str(locked)
    scene = pickle.loads(pickle.dumps(MAKERS[SceneError]()))
    assert scene.faults == ("$.camera: 3", "$.objects: 4")
    deep = pickle.loads(pickle.dumps(DeepPositionError(3, depth=5)))
    assert (deep.place, deep.depth) == ((3, 0), 5)


def test_notes_survive():
    error = InputError("it is wrong")
    error.add_note("in frame 7")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["in frame 7"]


def test_a_copy_has_fields_of_its_own():
    error = PositionError(3, 4)
    found = copy.copy(error)
    found.place = (0, 0)
    assert error.place == (3, 4)


def fail(pid: int) -> None:
    raise LockedError("clip.cssv", pid)


def test_an_error_crosses_processes():
    with (
        ProcessPoolExecutor(1, mp_context=get_context("forkserver")) as pool,
        pytest.raises(LockedError) as caught,
    ):
        pool.submit(fail, 4711).result(120)
    assert caught.value.pid == 4711


def test_message_has_its_parts_in_order():
    error = InputError("it is wrong", found="x", bound="0 to 3", remedy="Give `weights=` a path.")
    assert str(error) == "it is wrong: found 'x'; allowed: 0 to 3. Give `weights=` a path."
    assert (error.what, error.found, error.bound) == ("it is wrong", "x", "0 to 3")
    assert error.remedy == "Give `weights=` a path."
