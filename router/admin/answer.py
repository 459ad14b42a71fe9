"""An operation as whoever passes calls on knows it, and its answer: both take and give JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Answer = dict[str, Any]
Operation = Callable[..., Awaitable[Any]]
