"""From a ``_target_`` to the object it names and to an instance of it; nothing outside the allow-list is touched."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import Any, TypeVar

from omegaconf import OmegaConf

from rlsuite.config.node import Node
from rlsuite.config.signature import parameters, section_of
from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import Interface
from rlsuite.core.sections import Section
from rlsuite.core.suggestions import did_you_mean
from rlsuite.core.user_packages import user_packages

PartType = TypeVar("PartType", bound=Interface)


class TargetError(UserError):
    """A ``_target_`` that names nothing, or something that may not be called."""


def allowed_packages() -> tuple[str, ...]:
    """Return the packages targets may come from: ours and those in ``RLSUITE_PACKAGES`` (comma separated)."""
    return ("rlsuite", *user_packages())


def _refuse_foreign(path: str, home: str) -> None:
    packages = allowed_packages()
    if not any(home == package or home.startswith(f"{package}.") for package in packages):
        raise TargetError(
            f"{path} belongs to {home.partition('.')[0]}, targets may come from {', '.join(packages)} only; "
            "add your own package by the environment variable RLSUITE_PACKAGES"
        )


def _child(parent: Any, name: str, path: str) -> Any:
    """Return ``parent.name``, importing it if it is a submodule."""
    if hasattr(parent, name):
        return getattr(parent, name)
    if isinstance(parent, ModuleType) and hasattr(parent, "__path__"):
        module = f"{parent.__name__}.{name}"
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise TargetError(f"{path} cannot be imported: {error}") from error
        except Exception as error:
            raise TargetError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    known = [key for key in vars(parent) if not key.startswith("_")]
    raise TargetError(f"{path} does not exist: {_name(parent)} has no {name}{did_you_mean(name, known)}")


def _name(thing: Any) -> str:
    return getattr(thing, "__name__", type(thing).__name__)


def locate(path: object) -> Callable[..., Any]:
    """Return the class or function a ``_target_`` names.

    Nothing is imported before the allow-list agrees, and what was found must be defined in an allowed
    package too: ``rlsuite.x.os.system`` leads out of it.

    Raises:
        TargetError: it is not allowed, does not exist, cannot be imported, or is no class or function.
    """
    if not isinstance(path, str) or not all(part.isidentifier() for part in path.split(".")):
        raise TargetError(f"{path!r} is not a dotted name such as package.module.Class")
    _refuse_foreign(path, path)
    root, *names = path.split(".")
    try:
        found: Any = importlib.import_module(root)
    except ImportError as error:
        raise TargetError(f"{path} cannot be imported: {error}; is {root} installed?") from error
    for name in names:
        found = _child(found, name, path)
    if not (inspect.isclass(found) or inspect.isroutine(found)):
        raise TargetError(f"{path} is neither a class nor a function")
    _refuse_foreign(path, found.__module__ or "builtins")
    return found


def located(node: Mapping[str, Any], interface: type[PartType]) -> type[PartType]:
    """Return the class that a node names.

    Raises:
        TargetError: as ``locate``, or it does not derive from ``interface``.
    """
    found = locate(node["_target_"])
    if inspect.isclass(found) and issubclass(found, interface):
        return found
    base = f"{interface.__module__.rpartition('.')[0]}.{interface.__name__}"
    raise TargetError(
        f"{found.__module__}.{found.__qualname__} is no {interface.__name__}; derive it from {base}"
    )


def nodes(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every mapping with a ``_target_`` in nested plain containers, outermost first."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from nodes(item)


def build(node: Any, **injected: Any) -> Any:
    """Make what ``node`` describes; the only place that calls Hydra's ``instantiate``.

    Args:
        node: a ``Node``, a config or a plain mapping with a ``_target_``; nested nodes are built first. Constructors get
            plain lists and dicts, never a ``DictConfig``.
        **injected: arguments that no yaml can give (task, technique, seed, device, reward); they reach the
            constructor as they are, whereas Hydra would turn a dataclass among them into a dict.

    Raises:
        TargetError: a target may not be used (see ``locate``).
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    plain = node.plain if isinstance(node, Node) else node
    plain = OmegaConf.to_container(plain, resolve=True) if OmegaConf.is_config(plain) else plain
    if not isinstance(plain, Mapping) or "_target_" not in plain:
        raise TargetError(f"nothing to build: {plain!r} has no _target_")
    for nested in nodes(plain):
        locate(nested["_target_"])
    sections = _sections(plain)
    plain = {key: value for key, value in plain.items() if key not in sections}
    try:
        factory = instantiate({**plain, "_partial_": True, "_convert_": "all"})
    except InstantiationException as error:
        raise (error.__cause__ or error) from None  # the constructor's own error says more than Hydra's frame
    given = {**sections, **injected}
    return partial(factory, **given) if plain.get("_partial_") else factory(**given)


def _sections(plain: Mapping[str, Any]) -> dict[str, Section | None]:
    """Return the arguments of a node that are sections, as the dataclasses that the constructor takes."""
    found: dict[str, Section | None] = {}
    for name, parameter in parameters(locate(plain["_target_"]))[0].items():
        section = section_of(parameter.hint)
        if name in plain and section is not None and isinstance(plain[name], Mapping):
            found[name] = section(**plain[name])
    return found
