"""Origins: the schemes, hosts and ports that requests may go to. Only a destination's settings decide them (promise 10).
Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from yarl import URL

MAX_URL: Final = 65_536
"""Characters. Servers take some 8,000 to 32,000, and ids of events are in URLs: half a megabyte, before it is encoded. Python
and the client keep the last hundreds of URLs that they have read."""


class UrlTooLong(Exception):
    """No server takes such a URL, so it is not sent. The ids of an event may bring that about: nothing need be wrong with the
    plugin, and nothing is known of the vendor."""


def origin_of(url: str) -> str:
    """The scheme, host and port of *url*."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def check_url(url: str, origins: tuple[str, ...]) -> None:
    """Refuse a URL that leads elsewhere than to one of *origins*, or that would break out of its line.

    Raises:
        UrlTooLong: *url* has more than `MAX_URL` characters.
        ValueError: *url* is such a URL.
    """
    if len(url) > MAX_URL:
        raise UrlTooLong(f"a URL of more than {MAX_URL} characters is not sent: no server takes it")
    if any(char <= " " or char == "\x7f" for char in url):
        raise ValueError("the URL of the request holds a blank or a control character")
    origin = origin_of(url)
    target = URL(url, encoded=True)  # how the client reads it
    if origin not in origins or target.origin() != URL(origin, encoded=True).origin():
        raise ValueError(f"a request may only go to {' or '.join(origins)}, the plugin made one for {origin}")
