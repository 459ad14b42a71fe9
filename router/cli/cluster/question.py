"""An admin operation without a router on this machine: the answer comes from what lies in the cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router.cli.cluster.deliveries import ClusterDeliveries
from router.cli.engine import opened_log
from router.clock import SystemClock
from router.config import Config
from router.errors import OperatorError
from router.registry import Registry


async def ask_cluster(config: Config, registry: Registry, operation: str, arguments: Mapping[str, Any]) -> Any:
    """Run *operation*.

    Raises:
        OperatorError: the cluster does not answer, or the operation refuses.
    """
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="router-") as data:
        async with opened_log(config, clock, read_only=True) as log:
            elsewhere = config.model_copy(update={"data": Path(data)})
            deliveries = await ClusterDeliveries.open(log, elsewhere, registry, clock, tuple, delivers=False)
            try:
                deliveries.configure(config, {})
                calls = deliveries.calls()
                if operation not in calls:
                    raise OperatorError(f"no router runs over {config.data}; this is for one that does: {operation}")
                answer = await calls[operation](**arguments)
                return answer | {"running": False} if operation == "status" else answer
            finally:
                await deliveries.stop(0.0)
