"""Where the npm packages are, and the tests that need them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest

NODE_FOLDER: Final = Path(__file__).with_name("node")
MODULES: Final = NODE_FOLDER / "node_modules"
NODE: Final = shutil.which("node")
CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")

needs_node = pytest.mark.skipif(
    NODE is None or not MODULES.is_dir(), reason="needs node and its packages: install node, then `make sdks`"
)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None or NODE is None or not MODULES.is_dir(),
    reason="needs chromium, node and its packages: install chromium and node, then `make sdks`",
)
