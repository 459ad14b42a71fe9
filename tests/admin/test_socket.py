"""The admin socket: whatever an operator asks of a running router goes through it."""

from __future__ import annotations

from pathlib import Path

from router.admin.client import Client
from router.admin.server import SOCKET_NAME, listen_on_socket, socket_app


async def test_an_operation_may_concern_very_many_people(tmp_path: Path) -> None:
    """All of those that are suppressed are erased again after a backup was restored."""
    people = [("userId", f"{number:036}") for number in range(100_000)]

    async def erase(people: list[list[str]]) -> int:
        return len(people)

    runner = await listen_on_socket(socket_app({"erase": erase}), tmp_path / SOCKET_NAME)
    async with Client(tmp_path) as client:
        assert await client.call("erase", people=people) == len(people)
    await runner.cleanup()
