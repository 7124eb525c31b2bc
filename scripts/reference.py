"""Write docs/reference.md: every group, choice and setting, from the yaml files and the signatures they name.

python scripts/reference.py           # write the page
python scripts/reference.py --check   # exit 1 if it is not what it would be (a test does the same)
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from omegaconf import OmegaConf

from rlsuite.config.files import conf_dir
from rlsuite.config.help import groups
from rlsuite.config.instantiate import locate
from rlsuite.config.schema import Training
from rlsuite.config.settings import compose_settings
from rlsuite.config.signature import describe, is_section, parameters, split_annotated
from rlsuite.config.technique_rules import technique_support
from rlsuite.core.errors import ConfigError

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"
HEAD = """# Configuration reference

Made by `python scripts/reference.py` from the yaml files under `conf/` and the signatures they name; a test holds it to them. What a command will
really use is shown by `rlsuite-train ... --cfg job`. "must be" is what the check before a run asks for.
"""
TUNED = """Settings found for a pair; `tuned=<env>_<algo>` is chosen by itself where there is one, and `tuned=null` takes the plain defaults.
"""
HEADED = ("tuned", "tuned/original_protocol", "experiment", "hardware")
"""Groups that set keys of others: named with their sentence, without a table."""
EXAMPLES = {"gym": "env.id=CartPole-v1"}
"""Settings to try a pair with that is refused, of envs whose kind of action no choice names."""


def written(value: Any) -> str:
    """Return a yaml value as one would type it."""
    if isinstance(value, str) and not value:
        return '`""`'
    text = (
        yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("\n").removesuffix("\n...")
    )
    return f"`{text}`".replace("|", "\\|")


def told_by_docstring(target: Callable[..., Any]) -> dict[str, str]:
    """Return what the ``Args:`` of a Google docstring say of each parameter."""
    text = "\n".join(inspect.getdoc(part) or "" for part in (target, getattr(target, "__init__", None)))
    found = {}
    for block in re.findall(r"^Args:\n((?:^(?: .*)?\n?)+)", text, re.M):
        for name, said in re.findall(r"^    (\w+): (.*(?:\n {6,}.*)*)", block, re.M):
            found[name] = " ".join(said.split()).replace("``", "`")
    return found


def told_by_comments(text: str) -> dict[str, str]:
    """Return the comment behind each key of a yaml or dataclass."""
    return {name: said.strip() for name, said in re.findall(r"^ *(\w+): [^#\n]*#(.+)$", text, re.M)}


def rows(keys: dict[str, tuple[Any, Any]], said: dict[str, str], prefix: str) -> Iterator[str]:
    """Yield a table of settings: ``{key: (value, hint)}``."""
    if not keys:
        return
    yield "| setting | default | must be | |\n|---|---|---|---|"
    for key, (value, hint) in keys.items():
        must = "" if hint is Any else describe(hint).replace("|", "\\|")
        yield f"| `{prefix}{key}` | {written(value)} | {must} | {said.get(key, '').replace('|', chr(92) + '|')} |"
    yield ""


def choice(file: Path, said: str, choices: Collection[str]) -> Iterator[str]:
    """Yield a choice's heading, what it builds and its settings, also those of another choice it begins from."""
    files = [
        file,
        *(file.with_stem(base) for base in OmegaConf.load(file).get("defaults", ()) if base in choices),
    ]
    config = OmegaConf.to_container(OmegaConf.merge(*(OmegaConf.load(f) for f in reversed(files))))
    assert isinstance(config, dict)
    group = file.parent.relative_to(conf_dir()).as_posix()
    yield f"### {group}={file.stem}\n\n{said}\n"
    path = group.replace("/", ".")
    nested = {
        f"{path}.{key}": value for key, value in config.items() if isinstance(value, dict)
    }  # technique.gar
    path, node = next((p, n) for p, n in {path: config, **nested}.items() if "_target_" in n)
    target = locate(node["_target_"])
    hints, _ = parameters(target)
    keys = {
        key: (value, hints[key].hint if key in hints else Any)
        for key, value in node.items()
        if key not in ("_target_", "defaults")
    }
    yield f"Builds `{node['_target_']}`.\n"
    yield from rows(
        keys,
        {**told_by_comments("".join(f.read_text() for f in files)), **told_by_docstring(target)},
        f"{path}.",
    )


def top_level(section: type, config: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the settings outside the groups, those of nested sections after them."""
    hints, text = get_type_hints(section, include_extras=True), inspect.getsource(section)
    said = told_by_comments(text)
    plain = {
        k: v
        for k, v in hints.items()
        if k in config and k != "choices" and not is_section(split_annotated(v)[0])
    }
    yield from rows({k: (config[k], v) for k, v in plain.items()}, said, prefix)
    for key, hint in hints.items():
        if is_section(split_annotated(hint)[0]) and isinstance(config.get(key), dict) and key != "choices":
            yield f"`{key}`: {(inspect.getdoc(hint) or '').splitlines()[0]}\n"
            yield from top_level(hint, config[key], f"{key}.")


def verdict(env: str, algo: str, *settings: str) -> str:
    """Return how a pair is taken: as it is, with a setting of the env, or not at all."""
    try:
        compose_settings([f"env={env}", f"algo={algo}", "technique=baseline", *settings])
    except ConfigError as error:
        named = re.search(r"take (env\.\w+=\w+)", error.problems[0])
        way = named[1] if named else EXAMPLES.get(env)
        return verdict(env, algo, way) if way and not settings else ""
    return f"`{settings[0]}`" if settings else "yes"


def pairs(envs: Iterable[str], algos: Iterable[str]) -> Iterator[str]:
    """Yield the table env x algo, as the check before a run decides it, and which algorithm serves which technique."""
    yield "## What goes with what\n\nA setting stands where the pair needs it (of `gym` an example: any env with discrete actions will do); `technique=` is served as the last row says.\n"
    yield f"| | {' | '.join(algos)} |\n|---|{'---|' * len(list(algos))}"
    for env in envs:
        yield f"| `{env}` | {' | '.join(verdict(env, algo) for algo in algos)} |"
    served = [
        technique_support(locate(OmegaConf.load(conf_dir() / "algo" / f"{algo}.yaml")["_target_"]))
        for algo in algos
    ]
    yield f"| techniques | {' | '.join(served)} |\n"


def page() -> str:
    """Return the whole page."""
    config = OmegaConf.to_container(OmegaConf.load(conf_dir() / "config.yaml"), resolve=False)
    assert isinstance(config, dict)
    lines = [HEAD, "## Settings outside the groups\n", *top_level(Training, config)]
    found = groups([conf_dir()])
    lines += pairs(found["env"], found["algo"])
    for group, choices in found.items():
        lines.append(f"## {group}\n")
        if group in HEADED:
            lines += [TUNED] if group == "tuned" else []
            lines += [
                "| choice | |\n|---|---|",
                *(f"| `{name}` | {said} |" for name, said in choices.items()),
                "",
            ]
        else:
            for name, said in choices.items():
                lines += choice(conf_dir() / group / f"{name}.yaml", said, choices)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def main() -> None:
    """Write the page, or only look whether it is up to date."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        PAGE.write_text(page())
    elif PAGE.read_text() != page():
        sys.exit(f"{PAGE.name} is not up to date: python scripts/reference.py")


if __name__ == "__main__":
    main()
