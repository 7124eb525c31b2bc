"""``technique=a+b``: a config source that composes single files, ``a.yaml`` and ``b.yaml``, in alphabetical order.

The name is never a file, so it can be typed in any order and no combination has to be written down.
"""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from rlsuite.config.run_id import CHAINED, canonical_chain


class ChainSource(ConfigSource):
    """Gives ``<group>/a+b`` a defaults list of ``a`` and ``b``, which Hydra finds wherever it finds single files."""

    @staticmethod
    def scheme() -> str:
        """Return the scheme of this source's path."""
        return "chain"

    def _split(self, config_path: str) -> tuple[str, str]:
        group, _, name = config_path.removesuffix(".yaml").rpartition("/")
        return group, name

    def load_config(self, config_path: str) -> ConfigResult:
        """Return the config that names the parts."""
        if not self.is_config(config_path):
            raise ConfigLoadError(f"Config not found : {config_path}")
        parts = canonical_chain(self._split(config_path)[1]).split("+")
        config = OmegaConf.create({"defaults": parts})
        return ConfigResult(self.provider, f"chain://{config_path}", config, {"package": None})

    def available(self) -> bool:
        """Always there."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Own no group: the files that hold the parts do."""
        return False

    def is_config(self, config_path: str) -> bool:
        """Tell whether a config is named like a chain, in a group that has chains."""
        group, name = self._split(config_path)
        return group in CHAINED and "+" in name

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """List nothing: combinations are not listed among the choices."""
        return []


class ChainSearchPath(SearchPathPlugin):
    """Puts the source behind the folders of yaml files."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the source."""
        search_path.append(provider="rlsuite", path="chain://")
