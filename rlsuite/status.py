"""``python -m rlsuite.status multirun/x``: where every run stands, read from its files."""

from __future__ import annotations

from rlsuite.launch.status_table import main

if __name__ == "__main__":
    main()
