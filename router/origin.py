"""Origins: the schemes, hosts and ports that requests may go to. Only a destination's settings decide them (promise 10).
Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from yarl import URL


def origin_of(url: str) -> str:
    """The scheme, host and port of *url*."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def check_url(url: str, origins: tuple[str, ...]) -> None:
    """Refuse a URL that leads elsewhere than to one of *origins*, or that would break out of its line.

    Raises:
        ValueError: *url* is such a URL.
    """
    if any(char <= " " or char == "\x7f" for char in url):
        raise ValueError("the URL of the request holds a blank or a control character")
    origin = origin_of(url)
    target = URL(url, encoded=True)  # how the client reads it
    if origin not in origins or target.origin() != URL(origin, encoded=True).origin():
        raise ValueError(f"a request may only go to {' or '.join(origins)}, the plugin made one for {origin}")
