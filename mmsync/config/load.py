"""Reads a config file with its bases, whose variables a child or an option sets before a base is executed."""

from __future__ import annotations

import ast
import builtins
import copy
import hashlib
import importlib
import importlib.util
import io
import os
import re
import sys
import tempfile
import traceback
import types
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Optional

from mmengine.config import Config, ConfigDict
from mmengine.fileio import load as load_plain

from mmsync.config.defaults import fill_defaults
from mmsync.config.fit import derive_values, walk
from mmsync.config.places import FILE_ARGUMENTS, RUNNER_KEYS
from mmsync.errors import CheckpointError, ConfigError, did_you_mean, nearest
from mmsync.fileio import CONFIGS, config_path, shipped_configs
from mmsync.registry import Registry

BASE, DELETE, IMPORTS = "_base_", "_delete_", "custom_imports"
_OVERRIDE, _OPTIONS = "__mmsync_override__", "_mmsync_options"


@dataclass
class Notes:
    """Facts from reading that the check needs."""

    variables: set[str] = field(default_factory=set)  # top-level names of the files
    unread: dict[str, str] = field(default_factory=dict)  # variables that no line reads -> file and line that set them
    shadowed: set[str] = field(default_factory=set)  # those of them that a base has set, and used, before
    chosen: dict[str, tuple[Any, Any]] = field(default_factory=dict)  # variable -> its value in the files, by option
    leftovers: dict[str, dict[str, str]] = field(default_factory=dict)  # path -> inherited key -> its type
    files: list[tuple[Path, dict[str, Any]]] = field(default_factory=list)  # each file over its bases, these first

    @staticmethod
    def of(cfg: object) -> Notes | None:
        """The notes of a config that :func:`load` has read."""
        notes = getattr(cfg, "__dict__", {}).get("_mmsync_notes")
        return notes if isinstance(notes, Notes) else None


def load(path: str | Path, cfg_options: Mapping[str, Any] | None = None, complete: bool = True) -> Config:
    """Read a config file.

    Args:
        path: A ``.py``, ``.json`` or ``.yaml`` file.
        cfg_options: Values by dotted key. Those of variables are set where the variable is; the others are merged.
        complete: Fill in defaults and derived values; not for a part of a config, such as a protocol.

    Returns:
        The resolved config; its ``custom_imports`` are imported.

    Raises:
        ConfigError: The file or a base cannot be read; the message names file and line.
    """
    reader = _Reader(dict(cfg_options or {}))
    file = config_path(path)
    if file.is_file() and file.suffix == ".py" and "read_base" in _require_text(file):
        try:
            cfg = Config.fromfile(str(file))  # MMEngine's second config style; its inheritance is Python's import
        except Exception as error:  # the file is executed: anything can come out of it
            raise _error(file, None, f"{type(error).__name__}: {error}") from error
        _merge_options(cfg, reader.options, Notes())
        object.__setattr__(cfg, _OPTIONS, reader.options)
        return _complete(cfg) if complete else cfg
    values, text = reader.read(file.absolute(), (), {})
    values = _follow_options(file, values, reader)
    _import_modules(values.get(IMPORTS))
    try:
        cfg = Config(values, cfg_text=text, filename=str(file), env_variables=reader.env_variables)
    except KeyError as error:  # a name that Config keeps for itself
        raise _error(file, None, str(error.args[0])) from error
    rest = {key: value for key, value in reader.options.items() if key not in reader.used}
    _merge_options(cfg, rest, reader.notes)
    object.__setattr__(cfg, "_mmsync_notes", reader.notes)
    object.__setattr__(cfg, _OPTIONS, reader.options)
    return _complete(cfg) if complete else cfg


def _complete(cfg: Config) -> Config:
    given, values = cfg.to_dict(), cfg.to_dict()
    fill_defaults(values)
    derive_values(values)
    for key, value in values.items():
        if key not in given or given[key] != value:
            cfg[key] = value
    return cfg


def _follow_options(file: Path, values: dict[str, Any], reader: _Reader) -> dict[str, Any]:
    """Let a resolved config follow options for its variables: those that name files; others are refused."""
    for name, (old, new) in reader.notes.chosen.items():
        if name not in reader.inert or old == new:
            continue
        if not (FILE_ARGUMENTS.fullmatch(name) and isinstance(old, str) and isinstance(new, str)):
            places = [".".join(keys) for keys, _ in walk(values) if keys[1:] and keys[-1] == name]
            hint = f", or set {' and '.join(places)}" if places else ""
            text = f"nothing follows from this variable in a resolved config; give the file that it was made from{hint}"
            raise _error(file, None, f"--cfg-options {name}=...: {text}")
        values = replace_text(values, old, new)  # moved data are worth a search
    return values


def replace_text(value: Any, old: str, new: str) -> Any:
    """``value`` with every string that is ``old``, or a path below it, changed to ``new``."""
    if isinstance(value, dict):
        return {key: replace_text(item, old, new) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(replace_text(item, old, new) for item in value)
    if isinstance(value, str) and (value == old or value.startswith(f"{old}/")):
        return new + value[len(old) :]
    return value


class _Reader:
    """Reads one file after its bases, and keeps the notes of the whole chain."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.used: set[str] = set()
        self.inert: set[str] = set()  # variables of a file that nothing reads, as of a resolved config
        self.set_in_base: set[str | None] = set()  # variables of a base that a child sets
        self.notes = Notes()
        self.env_variables: dict[str, str] = {}

    def read(self, file: Path, children: tuple[Path, ...], wanted: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """The values of a file merged over its bases, and all text; ``children`` want values of its variables."""
        if not file.is_file():
            raise _missing(file, children)
        if file in children:
            raise _error(children[-1], _base_line(children[-1]), f"{BASE} leads back to {file}")
        _require_text(file)
        source, base_variables = self._substitute(file)
        tree = _parse(file, source) if file.suffix == ".py" else None
        plain = {} if tree is not None else _load_plain(file, source)
        base_names = _base_names(file, tree, plain.pop(BASE, []))
        own = self._plain_values(tree, plain, base_variables, wanted) if base_names else {}
        for name, value in wanted.items():  # what replaces this file's value replaces those of its bases, too
            if name in own and isinstance(value, dict) and value.get(DELETE):
                own[name] = {DELETE: True, **own[name]}

        base: dict[str, Any] = {}
        origin: dict[str, Path] = {}
        imports: list[Mapping[str, Any]] = []
        texts = []
        for name in base_names:
            base_file = _base_path(file, name)
            one, text = self.read(base_file, (*children, file), {**wanted, **own})
            texts.append(text)
            if IMPORTS in one:
                imports.append(one.pop(IMPORTS))
            for key in one:
                if key in base:
                    text = f"the bases {origin[key]} and {base_file} both set {key!r}; keep it in one of them"
                    raise _error(file, _base_line(file), text)
                origin[key] = base_file
            base.update(one)

        reads = set() if tree is None else _names_read(tree)
        values = plain if tree is None else self._execute(file, tree, base, wanted)
        for placeholder, dotted in base_variables.items():
            reads.add(dotted.split(".")[0])
            _check_base_variable(file, source, placeholder, dotted, base)
        values = Config._substitute_base_vars(values, base_variables, base)
        self._note_variables(file, tree, values, base, reads, bool(base_names))

        if IMPORTS in values:
            imports.append(values.pop(IMPORTS))
        try:
            merged = _merge(values, base, "", self.notes.leftovers)
        except ConfigError as error:
            raise _error(file, None, str(error)) from error
        if imports:
            merged[IMPORTS] = _merge_imports(imports)
        self.notes.files.append((file, merged))
        texts.append(f"{file}\n{file.read_text(encoding='utf-8-sig')}")
        return merged, "\n".join(texts)

    def _substitute(self, file: Path) -> tuple[str, dict[str, str]]:
        """MMEngine's placeholders ``{{fileDirname}}``, ``{{$ENV:default}}`` and ``{{_base_.name}}``; lines stay."""
        with tempfile.TemporaryDirectory() as folder:
            temporary = str(Path(folder) / f"config{file.suffix}")
            try:
                Config._substitute_predefined_vars(str(file), temporary)
                self.env_variables.update(Config._substitute_env_variables(temporary, temporary))
                variables = Config._pre_substitute_base_vars(temporary, temporary)
            except KeyError as error:
                raise _error(file, None, str(error.args[0])) from error
            return Path(temporary).read_text(encoding="utf-8-sig"), variables

    def _plain_values(
        self, tree: ast.Module | None, plain: Mapping[str, Any], placeholders: Iterable[str], wanted: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The variables of a file whose values need nothing of its bases; those that a base has too are set there."""
        values = {name: self._override(name, value, wanted) for name, value in plain.items() if _is_variable(name)}
        for node in tree.body if tree is not None else ():
            name = _assigned_name(node)
            if name is None or not _is_variable(name):
                continue
            try:
                value = _evaluate(node.value, values, placeholders)  # type: ignore[attr-defined]
            except Exception:  # it needs more than this file; where it is wrong, running the file shows it
                values.pop(name, None)
                continue
            values[name] = self._override(name, value, wanted)
        return values

    def _execute(self, file: Path, tree: ast.Module, base: dict[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
        heads = {*wanted, *(key.split(".")[0] for key in self.options)} - RUNNER_KEYS
        tree.body = [node for node in tree.body if _assigned_name(node) != BASE]
        for node in tree.body:
            name = _assigned_name(node)
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None and name in heads:
                call = ast.Call(ast.Name(_OVERRIDE, ast.Load()), [ast.Constant(name), node.value], [])
                node.value = ast.copy_location(call, node.value)
                ast.fix_missing_locations(node)
        self.set_in_base |= {name for name in map(_assigned_name, tree.body) if name in wanted}
        scope: dict[str, Any] = {BASE: ConfigDict(base)}
        scope[_OVERRIDE] = lambda name, value: self._override(name, value, wanted)
        try:
            exec(compile(tree, str(file), "exec"), scope)
        except (Exception, SystemExit) as error:
            raise _execution_error(file, error, scope, tree) from error
        hidden = (types.FunctionType, types.ModuleType)
        return {key: value for key, value in scope.items() if not key.startswith("_") and not isinstance(value, hidden)}

    def _override(self, name: str, value: Any, wanted: Mapping[str, Any]) -> Any:
        """The value of a variable after what the children set, and then the options for it or for parts of it."""
        if name in wanted:
            value = _merge({name: wanted[name]}, {name: value}, "", self.notes.leftovers)[name]
        options = {key: v for key, v in self.options.items() if key == name or key.startswith(f"{name}.")}
        if name in options:
            self.notes.chosen.setdefault(name, (value, options[name]))
        if not options:
            return value
        self.used.update(options)
        holder = Config({name: value})
        holder.merge_from_dict(options)
        return holder.to_dict()[name]

    def _note_variables(
        self, file: Path, tree: ast.Module | None, values: dict, base: dict, reads: set[str], inherits: bool
    ) -> None:
        notes = self.notes
        for name in reads:
            notes.unread.pop(name, None)
        lines = {_assigned_name(node): node.lineno for node in (tree.body if tree else [])}
        free = [name for name in values if _is_variable(name)]
        notes.variables.update(free)
        # Without a base and without any variable read, the file is the dump of a resolved config: variables are inert.
        if tree is None or not (inherits or reads & set(values)):
            self.inert.update(free)
            return
        for name in free:
            if name not in reads and name not in self.set_in_base:
                notes.unread[name] = f"{file.name}, line {lines.get(name, '?')}"
                if name in base:
                    notes.shadowed.add(name)


def _require_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        text = "is no text in UTF-8; a config is a .py, .json or .yaml file"
        if file.suffix in (".pth", ".pt"):
            text = "looks like a checkpoint, but stands where a config is expected"
        raise _error(file, None, text) from error


def _parse(file: Path, source: str) -> ast.Module:
    try:
        return ast.parse(source, str(file))
    except SyntaxError as error:
        text = (error.text or "").strip()
        raise _error(file, error.lineno, f"{error.msg}: {text}" if text else error.msg) from error
    except ValueError as error:  # null bytes, which are a SyntaxError from Python 3.11.4 on
        raise _error(file, None, str(error)) from error


def config_within(
    checkpoint: Mapping[str, Any], source: str, options: Optional[Mapping[str, Any]] = None, trust: bool = False
) -> Config:
    """The config that a checkpoint named ``source`` holds, with options by dotted key.

    Raises:
        CheckpointError: It has none, or one that could run code and is not trusted.
    """
    text = checkpoint.get("meta", {}).get("cfg")
    if not isinstance(text, str) or not text.strip():
        raise CheckpointError(f"{source} holds no config; give that of its training, before it or as --config FILE")
    if not (trust or is_plain(text)):
        advice = "add --trust-checkpoint if you trust its source, or give its config, before it or as --config FILE"
        raise CheckpointError(f"the config in {source} is more than plain values and could run code; {advice}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config_of_the_checkpoint.py"
        file.write_text(text, encoding="utf-8")
        return load(file, dict(options) if options else None)


def is_plain(text: str) -> bool:
    """Whether a config's source assigns values of literals and ``dict()`` alone, so that it runs no code."""
    with suppress(SyntaxError, ValueError):
        for node in ast.parse(text).body:
            if not isinstance(node, ast.Assign) or _assigned_name(node) is None:
                return False
            _evaluate(node.value, {}, ())
        return True
    return False


def _load_plain(file: Path, source: str) -> dict[str, Any]:
    if file.suffix not in (".json", ".yaml", ".yml"):
        raise _error(file, None, "a config must be a .py, .json, .yaml or .yml file")
    try:
        values = load_plain(io.StringIO(source), file_format=file.suffix[1:])
    except Exception as error:  # the parsers of json and yaml raise classes of their own
        raise _error(file, None, f"cannot be parsed: {error}") from error
    if not isinstance(values, dict):
        raise _error(file, None, f"a config must be a mapping, this is a {type(values).__name__}")
    return values


def _assigned_name(node: ast.stmt) -> str | None:
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return target.id if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(target, ast.Name) else None


def _is_variable(name: str | None) -> bool:
    return name is not None and name not in RUNNER_KEYS and not name.startswith("_")


_BUILDERS = {"dict": dict, "list": list, "tuple": tuple}
_PLAIN = (
    *(ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.JoinedStr, ast.FormattedValue, ast.Call, ast.keyword),
    *(ast.Starred, ast.Name, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop, ast.expr_context),
)


def _evaluate(node: ast.expr, known: Mapping[str, Any], placeholders: Iterable[str]) -> Any:
    """The value of an expression that needs nothing but literals and values known before, or a ``ValueError``."""
    for part in ast.walk(node):
        calls = isinstance(part, ast.Call) and not (isinstance(part.func, ast.Name) and part.func.id in _BUILDERS)
        text = isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value
        if not isinstance(part, _PLAIN) or calls or (text and any(one in text for one in placeholders)):
            raise ValueError(ast.unparse(part))
    code = compile(ast.Expression(node), "<config>", "eval")
    return eval(code, {"__builtins__": {}}, {**_BUILDERS, **copy.deepcopy(dict(known))})


def _base_names(file: Path, tree: ast.Module | None, names: Any) -> list[str]:
    for node in tree.body if tree is not None else []:
        if _assigned_name(node) == BASE:
            try:
                names = ast.literal_eval(node.value)  # type: ignore[attr-defined]
            except ValueError as error:
                raise _error(file, node.lineno, f"{BASE} must be a string or a list of strings, written out") from error
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if not isinstance(name, str):
            raise _error(file, _base_line(file), f"{BASE} must hold file names, got {name!r}")
    return names


def _base_path(file: Path, name: str) -> Path:
    if "::" not in name:
        return Path(os.path.normpath(file.parent / name))
    package, _, rest = name.partition("::")  # a config that another package ships; MMEngine needs pkg_resources here
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise _error(file, _base_line(file), f"{BASE} {name!r}: package {package!r} is not installed")
    root = Path(next(iter(spec.submodule_search_locations)))
    places = (
        CONFIGS / rest if package == "mmsync" else root / ".mim" / "configs" / rest,
        root / ".mim" / rest,
        root / rest,
    )
    return next((path for path in places if path.is_file()), places[0])


def _base_line(file: Path) -> int | None:
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    return next((i for i, line in enumerate(lines, 1) if line.lstrip("\"' ").startswith(BASE)), None)


def _names_read(tree: ast.Module) -> set[str]:
    reads = set()
    for node in ast.walk(tree):
        of_base = isinstance(getattr(node, "value", None), ast.Name) and node.value.id == BASE  # type: ignore
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            reads.add(node.id)
        elif isinstance(node, ast.Attribute) and of_base:
            reads.add(node.attr)
        elif isinstance(node, ast.Subscript) and of_base:
            reads.update(str(c.value) for c in ast.walk(node.slice) if isinstance(c, ast.Constant))
    return reads


def _merge(
    child: Mapping[str, Any], base: Mapping[str, Any], path: str, leftovers: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """``child`` over ``base`` by MMEngine's rules, noting keys inherited from a base of another ``type``."""
    merged = dict(base)
    for key, value in child.items():
        here = f"{path}.{key}" if path else str(key)
        value = dict(value) if isinstance(value, dict) else value
        if not isinstance(value, dict) or value.pop(DELETE, False) or key not in base:
            for other in [p for p in leftovers if p == here or p.startswith(f"{here}.")]:
                del leftovers[other]
            merged[key] = value
            continue
        old = base[key]
        if not isinstance(old, dict):
            raise ConfigError(f"{here}: a dict here, but {old!r} in the base; add {DELETE}=True to replace it")
        _note_type_change(value, old, here, leftovers)
        merged[key] = _merge(value, old, here, leftovers)
    return merged


def _note_type_change(new: dict[str, Any], old: Mapping[str, Any], path: str, left: dict[str, dict[str, str]]) -> None:
    """Note the keys of ``old`` that stay under a new ``type``, and drop the notes on keys that ``new`` sets itself."""
    for key in new:
        left.get(path, {}).pop(key, None)
    if "type" in new and "type" in old and new["type"] != old["type"]:
        left[path] = {**{key: str(old["type"]) for key in old if key not in new}, **left.get(path, {})}


def _merge_imports(parts: list[Mapping[str, Any]]) -> dict[str, Any]:
    """The ``custom_imports`` of bases and child, in this order, each module once."""
    merged: dict[str, Any] = {}
    modules: list[str] = []
    for part in parts:
        if not isinstance(part, Mapping):
            raise ConfigError(f"{IMPORTS} must be dict(imports=[...]), got {part!r}")
        part = dict(part)
        if part.pop(DELETE, False):
            merged, modules = {}, []
        own = part.pop("imports", [])
        modules += [own] if isinstance(own, str) else list(own)
        merged.update(part)
    return {"imports": list(dict.fromkeys(modules)), **merged}


def _import_modules(custom: Mapping[str, Any] | None) -> None:
    """Import a third party's modules; the current folder is searched as well, after everything else."""
    if not custom:
        return
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for module in custom["imports"]:
        try:
            importlib.import_module(module)
        except Exception as error:  # the third party's module may raise anything
            text = f"{IMPORTS}.imports: {module!r} cannot be imported: {type(error).__name__}: {error}"
            if custom.get("allow_failed_imports"):
                warnings.warn(text, stacklevel=3)
                continue
            if isinstance(error, ModuleNotFoundError) and error.name == module.split(".")[0]:
                text += "; run from the folder that holds it, or add that folder to PYTHONPATH"
            raise ConfigError(text, [text]) from error


def _merge_options(cfg: Config, options: dict[str, Any], notes: Notes) -> None:
    changed: dict[str, dict[str, Any]] = {}
    for dotted, value in options.items():
        path, _, key = dotted.rpartition(".")
        changed.setdefault(path, {})[key] = value
    for path, new in changed.items():
        old: Any = cfg
        for part in path.split(".") if path else []:
            old = old[int(part)] if isinstance(old, list) and part.isdigit() and int(part) < len(old) else old
            old = old.get(part) if isinstance(old, (dict, Config)) else old
        if path and isinstance(old, dict):
            _note_type_change(new, old, path, notes.leftovers)
    try:
        cfg.merge_from_dict(options)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"--cfg-options {' '.join(options)}: {error.args[0]}") from error


def _error(file: Path, line: int | None, text: str) -> ConfigError:
    problem = f"{file}{f', line {line}' if line else ''}: {text}"
    return ConfigError(problem, [problem])


def _missing(file: Path, children: tuple[Path, ...]) -> ConfigError:
    folder = file.parent
    if folder.is_dir():
        near = nearest(file.name, sorted(p.name for p in folder.iterdir()))
        near = [os.path.relpath(folder / name, children[-1].parent) if children else name for name in near]
    else:
        near = nearest(folder.name, sorted(p.name for p in folder.parent.iterdir())) if folder.parent.is_dir() else []
    if file.is_dir():
        return ConfigError(f"{file}: is a folder; name a config file", [f"{file}: is a folder"])
    if not children:
        known = shipped_configs()
        near = near or [file.stem] * (file.stem in known) or nearest(file.stem, known)
        text = f"{file}: no such config file{did_you_mean(near)}; `mmsync list` names the shipped configs"
        return ConfigError(text, [text])
    hint, inside = did_you_mean(near), file.parts[file.parts.index("configs") :] if "configs" in file.parts else ()
    if not hint and inside and (shipped := config_path(Path(*inside))).is_file():
        hint = f"; the shipped one is 'mmsync::{shipped.relative_to(CONFIGS)}'"
    return _error(children[-1], _base_line(children[-1]), f"{BASE} names {file}, which is no file{hint}")


def _check_base_variable(file: Path, source: str, placeholder: str, dotted: str, base: dict[str, Any]) -> None:
    value: Any = base
    for part in dotted.split("."):
        if not isinstance(value, dict) or part not in value:
            near = nearest(part, value) if isinstance(value, dict) else []
            line = source[: source.find(placeholder)].count("\n") + 1
            raise _error(file, line, f"no base sets {dotted!r}{did_you_mean(near)}")
        value = value[part]


def _execution_error(file: Path, error: BaseException, scope: dict[str, Any], tree: ast.Module) -> ConfigError:
    frames = traceback.extract_tb(error.__traceback__)
    line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(file)), None)
    near: list[str] = []
    said = re.search(r"(?:name|attribute) '(\w+)'", str(error))  # Python before 3.10 says it nowhere else
    wrong = getattr(error, "name", None) or (said and said[1])
    if isinstance(error, NameError) and wrong:
        near = nearest(wrong, [*scope, *dir(builtins)])
        if any(wrong in registry for registry in Registry.instances):
            return _error(file, line, f"NameError: {error}; a registered name is a string, write {wrong!r}")
    elif isinstance(error, (AttributeError, KeyError)):
        wrong = wrong or (str(error.args[0]) if error.args else "")
        own = [value for name, value in scope.items() if isinstance(value, dict) and not name.startswith("__")]
        choices = [key for value in own for key in value if isinstance(key, str)]
        near = nearest(wrong, dict.fromkeys([*scope[BASE], *choices]))
    text = f"{type(error).__name__}: {error}{did_you_mean(near)}"
    for node in ast.walk(tree) if isinstance(error, KeyError) else ():  # a table of choices: _encoders[backbone]
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.lineno == line:
            variable, table = ast.unparse(node.slice), scope.get(node.value.id)
            if variable in scope and isinstance(table, dict) and scope[variable] not in table:
                text += f"; {variable} is one of {', '.join(map(repr, table))}"
    return _error(file, line, text)


NAMED = {"phase": "pku", "split": "", "fold": "fold", "stream": "", "backbone": ""}
"""Variables whose values are words of a file's name, with the letters before the value in that word."""
_UNNAMED = re.compile(
    r"(.+\.)?((data_|media_|lists_)?root|index_file|num_workers|persistent_workers|pin_memory)"
    r"|(train_cfg\.)?(max_epochs|max_iters|val_interval|val_begin)"
    r"|(env_cfg|log_processor|default_hooks|visualizer)\..+|vis_backends|log_level|resume|launcher|experiment_name"
)
"""Options that say where data is, how fast and how long a run is, and what it writes: others make another run."""


def run_name(cfg: Config, flags: Mapping[str, Any] = MappingProxyType({})) -> str:
    """The file's name with the choices of options and ``flags`` (by dotted key) in it, which make another run.

    ``sync3d_stgcn_sbu_fold1`` with ``fold=2`` ends in ``fold2``; ``optim_wrapper.optimizer.lr=0.1`` adds ``_lr0.1``, by
    as much of the key as no other key of the config ends in. Values that are no words, and many options, add a digest.
    """
    options = {**getattr(cfg, "__dict__", {}).get(_OPTIONS, {}), **flags}
    chosen = (Notes.of(cfg) or Notes()).chosen
    words = Path(cfg.filename).stem.split("_")
    for name, letters in NAMED.items():
        if name in chosen and not any(isinstance(value, (dict, list, tuple)) for value in chosen[name]):
            options.pop(name, None)
            old, new = (letters + str(value).replace("+", "-") for value in chosen[name])
            if old in words:
                words[words.index(old)] = new
            elif old != new:
                words.append(new)
    places = [".".join(keys) for keys, _ in walk(cfg.to_dict())]
    added = {}
    for key, value in options.items():
        if not _UNNAMED.fullmatch(key):
            ends = [key.split(".", n)[-1] for n in range(key.count("."), -1, -1)]
            end = next((e for e in ends if sum(f".{p}".endswith(f".{e}") for p in places) == 1), key)
            added[end] = f"{value}" if re.fullmatch(r"[\w.+-]{1,24}", str(value)) else f"-{_digest(value)}"
    if len(added) > 3:
        return "_".join([*words, _digest(sorted(added.items()))])
    return "_".join([*words, *(f"{key}{value}" for key, value in added.items())])


def _digest(value: Any) -> str:
    return hashlib.sha1(repr(value).encode()).hexdigest()[:8]
