"""Agents from settings by their short names, wherever among the sections of the constructor these stand.

Benchmarks use it too, which give the same settings to an algorithm and to the upstream one that it is measured against.
"""

from collections import defaultdict
from dataclasses import fields
from typing import Any

from rlsuite.config.moved import MOVED_KEYS, SHORTCUTS
from rlsuite.config.signature import parameters, section_of
from rlsuite.core.interfaces import Agent
from rlsuite.core.sections import Section


def make(kind: type[Agent], **settings: Any) -> Any:
    """Return ``kind(**settings)``: ``make(PPO, net_arch=[8], clip_range_vf=0.2, ...)``."""
    known = parameters(kind)[0]
    sections = {name: section for name, p in known.items() if (section := section_of(p.hint)) is not None}
    arguments: dict[str, Any] = {}
    inside: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in settings.items():
        if name in known and (name not in sections or isinstance(value, Section)):
            arguments[name] = value
        elif name in sections and isinstance(value, dict):
            inside[name] |= value
        else:
            section, field = _place(name, sections)
            inside[section][field] = value
    for name, values in inside.items():
        arguments[name] = sections[name](**{**vars(known[name].default), **values})
    return kind(**arguments)


def _place(name: str, sections: dict[str, type[Section]]) -> tuple[str, str]:
    """Return the section and the field that a short name stands for."""
    for table in (SHORTCUTS, MOVED_KEYS):
        _, section, field = [*table.get(f"algo.{name}", "").split("."), "", ""][:3]
        if section in sections and field in {f.name for f in fields(sections[section])}:
            return section, field
    return next((s, name) for s, section in sections.items() if name in {f.name for f in fields(section)})
