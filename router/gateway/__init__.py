"""The gateway: takes calls over HTTP and answers 2xx only once the log has them on disk. It knows no destination."""

from router.gateway.app import Gateway
from router.gateway.limits import Limits
from router.gateway.source import Source
from router.gateway.surroundings import Surroundings

__all__ = ["Gateway", "Limits", "Source", "Surroundings"]
