"""Registries: built-in, registered and installed factories under one set of names."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict

import pytest

from cssv.errors import CssvError, MissingExtraError, OptionError
from cssv.files.registry import Registry

GROUP = "cssv.test_group"


def install(folder, package, entries, modules=()):
    """An installed package as pip leaves it: metadata with entry points, and modules."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
    for name, text in dict(modules).items():
        (folder / f"{name}.py").write_text(text)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed packages on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def registry():
    return Registry("toy", {"z": "collections:OrderedDict", "a": "collections:Counter"}, GROUP)


def test_built_in_names_come_first_and_in_their_order(site):
    install(site, "pack", {"n": "json:loads", "b": "json:dumps"})
    toys = registry()
    toys.register("m", dict)
    assert list(toys) == ["z", "a", "m", "b", "n"]
    assert len(toys) == 5
    assert toys.built_in == ("z", "a")
    assert toys["z"] is OrderedDict
    assert toys["m"] is dict
    assert repr(toys) == "Registry('toy': z, a, m, b, n)"


@pytest.mark.parametrize("name", ["x", "", None, 3, ["z"]])
def test_an_unknown_name_is_an_option_error_with_the_allowed_ones(name):
    toys = registry()
    with pytest.raises(OptionError, match=r"unknown toy: found .*; allowed: z, a$"):
        toys[name]
    assert name not in toys
    assert toys.get(name) is None
    assert toys.get(name, 7) == 7


def test_nothing_is_imported_before_its_use(site):
    install(site, "pack", {"late": "late_module:make"}, {"late_module": "def make(): return 1"})
    toys = registry()
    assert "late" in toys
    assert "late_module" not in sys.modules
    assert toys["late"]() == 1
    assert "late_module" in sys.modules


def test_making_a_registry_does_not_look_for_packages():
    code = (
        "import importlib.metadata as m\n"
        "def refuse(**_): raise SystemExit('entry points were read')\n"
        "m.entry_points = refuse\n"
        "from cssv.files.registry import Registry\n"
        "toys = Registry('toy', {'a': 'collections:Counter'}, 'g')\n"
        "assert toys['a']\n"
        "print('quiet')"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "quiet\n"


def test_a_registered_text_is_imported_at_its_first_use(site):
    (site / "own_module.py").write_text("make = list")
    toys = registry()
    toys.register("own", "own_module:make")
    assert "own_module" not in sys.modules
    assert toys["own"] is list


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ("", "no_such_module:make", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise RuntimeError('half installed')", "bad_module:make", "RuntimeError: half installed"),
        ("", "bad_module:make", "AttributeError: .*make"),
        ("import", "bad_module:make", "SyntaxError"),
    ],
)
def test_a_broken_package_is_one_clear_error_when_it_is_used(site, text, value, words):
    install(site, "brittle", {"bad": value}, {"bad_module": text})
    toys = registry()
    assert list(toys) == ["z", "a", "bad"]
    assert toys["z"] is OrderedDict
    with pytest.raises(OptionError, match=words) as caught:
        toys["bad"]
    assert str(caught.value).startswith(f"the toy 'bad' cannot be loaded from {value!r}: found ")
    assert str(caught.value).endswith("Repair or uninstall the package brittle.")
    assert caught.value.__cause__ is not None


def test_a_package_may_raise_errors_of_the_library_itself(site):
    text = "from cssv.errors import MissingExtraError\nraise MissingExtraError('wants radar')"
    install(site, "pack", {"radar": "radar_module:make"}, {"radar_module": text})
    with pytest.raises(MissingExtraError, match=r"^wants radar$"):
        registry()["radar"]


def test_what_cannot_be_called_is_no_factory(site):
    install(site, "pack", {"pi": "math:pi"})
    with pytest.raises(
        OptionError, match=r"toy 'pi' cannot be made: found 'a float: 3\.14.*a class or function"
    ):
        registry()["pi"]
    with pytest.raises(OptionError, match="toy 'n' cannot be made: found 'a int: 3'"):
        registry().register("n", 3)


def test_one_name_of_two_packages_is_refused_when_it_is_used(site):
    install(site, "one", {"same": "json:loads"})
    install(site, "two", {"same": "json:dumps"})
    toys = registry()
    assert list(toys) == ["z", "a", "same"]
    with pytest.raises(OptionError, match="several packages provide a toy of this name") as caught:
        toys["same"]
    assert "the package one" in str(caught.value)
    assert "the package two" in str(caught.value)


def test_a_package_cannot_replace_a_built_in_name(site):
    install(site, "pack", {"z": "json:loads"})
    toys = registry()
    assert list(toys) == ["z", "a"]
    assert toys["z"] is OrderedDict


@pytest.mark.parametrize("name", ["z", "mine"])
def test_a_name_is_registered_once(name):
    toys = registry()
    toys.register("mine", dict)
    with pytest.raises(OptionError, match=f"the name of a toy is taken: found '{name}'"):
        toys.register(name, list)
    assert toys["mine"] is dict


@pytest.mark.parametrize("name", ["", "two words", "a,b", "-a", "'", None, 3])
def test_a_name_has_no_characters_that_need_quotes(name):
    with pytest.raises(OptionError, match="not a name for a toy"):
        registry().register(name, dict)


def test_a_registered_name_can_be_removed_and_others_cannot():
    toys = registry()
    toys.register("mine", dict)
    toys.unregister("mine")
    assert list(toys) == ["z", "a"]
    for name in ("mine", "z"):
        with pytest.raises(
            OptionError, match=f"no toy of this name was registered: found '{name}'; allowed: none"
        ):
            toys.unregister(name)


def test_a_registry_cannot_be_written_to_as_a_dictionary():
    with pytest.raises(TypeError):
        registry()["x"] = dict
    assert issubclass(OptionError, CssvError)
