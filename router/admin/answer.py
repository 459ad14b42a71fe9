"""What an operation answers, as JSON."""

from __future__ import annotations

from typing import Any

Answer = dict[str, Any]
