"""Bundle ES modules into one script without imports, which a page can hold inline.

Only what our own modules use is understood: ``import { a, b as c } from "./x.js";`` in one line, and
``export function``, ``export async function``, ``export class``, ``export const`` at the start of a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from cssv.errors import InputError

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w.-]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function\*?|class|const) +(\w+)", re.MULTILINE)
#: Whatever else begins a line with one of these words would be left in the script, and break it.
_LEFT_OVER = re.compile(r"^(import|export)\b.*$", re.MULTILINE)
#: Texts that would end the script element, or change how it is read.
_ENDS_SCRIPT = re.compile(r"</script|<!--", re.IGNORECASE)


def bundle_modules(sources: Mapping[str, str], entry: str) -> str:
    """Join modules to one script, each in a function of its own, so that their names do not collide.

    Args:
        sources: file name -> text of each module.
        entry: file name of the module that imports the others; those it does not need are left out.

    Raises:
        InputError: a module or an imported name that does not exist, a cycle of imports, or a form of import
            or export that is not understood.
    """
    wanted = {name: _imports(name, sources) for name in _reached(sources, entry)}
    try:
        order = list(TopologicalSorter({name: set(found) for name, found in wanted.items()}).static_order())
    except CycleError as error:
        cycle = " -> ".join(error.args[1])
        raise InputError("modules of the page import each other in a cycle", found=cycle) from error
    for name in order:
        _check_names(name, sources)
    script = "".join(_wrapped(name, sources[name]) for name in order)
    if _ENDS_SCRIPT.search(script):
        raise InputError("a module of the page holds a text that ends a script element")
    return f'"use strict";\n{script}'


def _reached(sources: Mapping[str, str], entry: str) -> set[str]:
    seen: set[str] = set()
    todo = [entry]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += _imports(name, sources)
    return seen


def _imports(name: str, sources: Mapping[str, str]) -> list[str]:
    if name not in sources:
        raise InputError("a module of the page does not exist", found=name)
    return [found[2] for found in _IMPORT.finditer(sources[name])]


def _check_names(name: str, sources: Mapping[str, str]) -> None:
    """Raise InputError for a name that a module imports and no module exports."""
    for found in _IMPORT.finditer(sources[name]):
        names = {part.split(" as ")[0].strip() for part in found[1].split(",")} - {""}
        missing = names - {each[2] for each in _EXPORT.finditer(sources[found[2]])}
        if missing:
            raise InputError(f"{name} imports what {found[2]} does not export", found=min(missing))


def _variable(name: str) -> str:
    """The variable that holds the exports of a module."""
    return "module_" + re.sub(r"\W", "_", name.removesuffix(".js"))


def _wrapped(name: str, source: str) -> str:
    """One module as an assignment: its exports, made by a function that is called at once."""

    def as_constant(found: re.Match[str]) -> str:
        names = ", ".join(part.strip().replace(" as ", ": ") for part in found[1].split(",") if part.strip())
        return f"const {{ {names} }} = {_variable(found[2])};"

    exported = [found[2] for found in _EXPORT.finditer(source)]
    body = _EXPORT.sub(r"\1 \2", _IMPORT.sub(as_constant, source))
    if (left := _LEFT_OVER.search(body)) is not None:
        raise InputError(f"{name} has an import or export of an unknown form", found=left[0])
    given = ", ".join(exported)
    return f"const {_variable(name)} = (() => {{\n{body}\nreturn {{ {given} }};\n}})();\n"
