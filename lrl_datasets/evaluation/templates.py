"""Checks the templates of task files, which the harness would render literally or find wrong on the first row."""

from __future__ import annotations

from collections.abc import Iterator
from string import Formatter

import jinja2
import jinja2.meta

_JINJA = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 (prompts, not pages)


def check_template(key: str, template: str, columns: set[str]) -> None:
    """Refuse a prompt that is no Jinja, reads no column or one that is not there, or has a brace as its text.

    Raises
    ------
    ValueError
        Naming the key.
    """
    try:
        tree = _JINJA.parse(template)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"{key}: {error.message} (line {error.lineno})") from error
    read = jinja2.meta.find_undeclared_variables(tree)
    if not read:
        raise ValueError(f"{key}: reads no column of the dataset, it would be the same for every row")
    if unknown := read - columns:
        raise ValueError(f"{key}: reads {', '.join(sorted(unknown))}, no column of metadata")
    if any("{" in text or "}" in text for text in _literals(tree)):
        raise ValueError(f"{key}: a brace would reach the model literally; columns stand in {{{{…}}}}")


def _literals(tree: jinja2.nodes.Template) -> Iterator[str]:
    for node in tree.find_all(jinja2.nodes.TemplateData):
        yield node.data


def check_format(key: str, template: str, names: set[str]) -> None:
    """Refuse a `str.format` template that reads no column or one that is not there; as `check_template`."""
    read = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
    if not read:
        raise ValueError(f"{key}: {template!r} reads no column")
    if unknown := read - names:
        raise ValueError(f"{key}: {template!r} reads {', '.join(sorted(unknown))}, no column of metadata")
