"""Docstrings in Google style as Markdown, with the arguments that the config check accepts."""

from __future__ import annotations

import inspect
import re
from typing import Any, Optional

from docstring_parser import DocstringStyle, parse

from mmsync.config.signature import accepted, default_of


def markdown(text: Optional[str]) -> str:
    """A part of a docstring: roles become names, a literal block a code block, and no character is markup by chance."""
    text = re.sub(r":\w+:`~?([\w.]*?)(\w+)`", r"``\2``", inspect.cleandoc(f"\n{text or ''}"))
    text = re.sub(r"^\* ", "- ", text, flags=re.MULTILINE)
    text = re.sub(r"::$", ":", text, flags=re.MULTILINE)
    text = re.sub(r"\(docs/design/(\d+)\)", r"(design decision \1)", text)
    parts = re.split(r"(``.*?``|^(?: {4}.*(?:\n|\Z))+)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if i % 2 else re.sub(r"([*_<\[|])", r"\\\1", part) for i, part in enumerate(parts))


def one_line(text: Optional[str]) -> str:
    return " ".join(markdown(text).split()).replace("\\|", "|").replace("|", "\\|")


def summary(kind: Any) -> str:
    return one_line(parse(kind.__doc__ or "", DocstringStyle.GOOGLE).short_description)


def annotation(kind: Any) -> str:
    text = re.sub(r"ForwardRef\('([\w.]+)'\)", r"\1", inspect.formatannotation(kind))
    return re.sub(r"\b(?:collections\.abc|typing|mmsync|torch)\.(?:\w+\.)*(?=\w)", "", text)


def arguments(kind: Any, docs: dict[str, Optional[str]]) -> list[str]:
    """The arguments of a component as a definition list."""
    lines = []
    taken = accepted(kind)
    for name, hint in taken.annotations.items():
        kinds = [f"`{annotation(hint)}`"] if hint is not None else []
        kinds += ["required"] if name in taken.required else [f"default `{default_of(kind, name)!r}`"]
        lines += [
            f"`{name}` ({', '.join(kinds)})",
            f":   {one_line(docs.get(name)) or 'As in the class that it extends.'}",
            "",
        ]
    return lines


def documentation(kind: Any, level: str) -> list[str]:
    """Description, arguments and errors of a class or function, under headings of a level."""
    doc = parse(kind.__doc__ or "", DocstringStyle.GOOGLE)
    lines = [one_line(doc.short_description), "", markdown(doc.long_description), ""]
    bases = [base for base in reversed(getattr(kind, "__mro__", [kind])) if base.__module__.startswith("mmsync.")]
    docs = [parse(base.__doc__ or "", DocstringStyle.GOOGLE) for base in bases]
    if entries := arguments(kind, {param.arg_name: param.description for part in docs for param in part.params}):
        lines += [f"{level} Arguments" if level else "**Arguments**", "", *entries]
    if doc.returns is not None and doc.returns.description:
        lines += [f"**Returns** {one_line(doc.returns.description)}", ""]
    for error in doc.raises:
        lines += [f"**Raises** `{error.type_name}`: {one_line(error.description)}", ""]
    return lines
