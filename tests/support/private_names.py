"""Finds where a module uses private names of libraries, and where it replaces parts of them.

A private name begins with one underscore. `__dict__` counts as one, because it bypasses the attributes of an object.
The modules and classes of the libraries are imported, to tell their names from ours.
"""

import ast
import importlib
import re
from types import ModuleType

OURS = {"app", "config", "wsgi", "tests"}
PRIVATE = re.compile(r"_[^_]\w*|__dict__")
BY_NAME = {"getattr", "setattr", "delattr", "hasattr"}  # functions that take the name of an attribute
METHOD_ASSIGNED = re.compile(r"\.(\w+) = .*# type: ignore\[method-assign\]")  # what mypy calls a replaced method


def private_names(source):
    """The private names of libraries that the module `source` uses, and the dotted names that it replaces."""
    tree = ast.parse(source)
    imported = {name: target for node in ast.walk(tree) for name, target in _imports(node)}
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    found = set(METHOD_ASSIGNED.findall(source))
    found |= {name for path in imported.values() for name in path if PRIVATE.fullmatch(name)}
    for node in ast.walk(tree):
        found |= {name for name in _used(node, classes) if PRIVATE.fullmatch(name)}
        found |= set(_replaced(node, imported))
    for node in classes.values():
        names = {name for name in _defined(node) if PRIVATE.fullmatch(name)}
        bases = list(_libraries(node, classes, imported))
        found |= {name for name in names for base in bases if hasattr(base, name)}
    return found


def _imports(node):
    """Each name that an import statement binds, with the parts of the dotted name that it stands for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            parts = alias.name.split(".")
            yield alias.asname or parts[0], parts if alias.asname else parts[:1]
            yield alias.name, parts
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module != "__future__":  # not our own modules
        for alias in node.names:
            yield alias.asname or alias.name, [*node.module.split("."), alias.name]


def _used(node, classes):
    """The names of attributes that `node` uses, without those that a class of the module defines itself."""
    if isinstance(node, ast.Attribute):
        own = ast.unparse(node.value) in {"self", "cls", "super()", *classes}
        defined = {name for definition in classes.values() for name in _defined(definition)} if own else set()
        yield from {node.attr} - defined
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BY_NAME:
        name = node.args[1]
        yield from [name.value] if isinstance(name, ast.Constant) else []


def _defined(definition):
    """The attributes that a class defines: in its body, or by assignment to `self`."""
    for node in ast.walk(definition):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from [node.attr] if isinstance(node.value, ast.Name) and node.value.id == "self" else []


def _replaced(node, imported):
    """The dotted names of attributes that `node` assigns or deletes in a module or a class of a library."""
    target, name = None, None
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, (ast.Store, ast.Del)):
        target, name = node.value, node.attr
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr"):
        target, name = node.args[0], ast.unparse(node.args[1]).strip("'\"")
    parts = _dotted(target, imported)
    if parts and parts[0] not in OURS and isinstance(_look_up(parts), (ModuleType, type)):
        yield ".".join([*parts, name])


def _libraries(definition, classes, imported):
    """The classes of libraries that a class inherits from, through classes of ours as well."""
    for base in definition.bases:
        if isinstance(base, ast.Name) and base.id in classes:
            yield from _libraries(classes[base.id], classes, imported)
            continue
        parts = _dotted(base.value if isinstance(base, ast.Subscript) else base, imported)
        ancestors = getattr(_look_up(parts), "__mro__", ()) if parts else ()
        yield from (ancestor for ancestor in ancestors if ancestor.__module__.split(".")[0] not in OURS)


def _dotted(node, imported):
    """The parts of the dotted name of the imported object that `node` refers to."""
    if isinstance(node, ast.Name):
        return imported.get(node.id)
    if isinstance(node, ast.Attribute) and (parts := _dotted(node.value, imported)):
        return [*parts, node.attr]
    return None


def _look_up(parts):
    """The module, or the attribute of a module, with that dotted name; None if there is none."""
    found = importlib.import_module(parts[0])
    for number, part in enumerate(parts[1:], 2):
        if not hasattr(found, part) and isinstance(found, ModuleType) and hasattr(found, "__path__"):
            importlib.import_module(".".join(parts[:number]))
        found = getattr(found, part, None)
    return found
