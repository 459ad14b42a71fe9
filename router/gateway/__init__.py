"""The gateway: takes calls over HTTP, and answers 2xx only when the log has them on disk. It knows no destination."""

from router.gateway.app import Gateway
from router.gateway.authentication import SourceKeys
from router.gateway.limits import Limits

__all__ = ["Gateway", "Limits", "SourceKeys"]
