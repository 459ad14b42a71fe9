"""A power cut: what a process had not synced is gone, or is there in parts."""

from __future__ import annotations

import random
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest

SOURCE = Path(__file__).with_name("power_cut.c")
SECTOR_BYTES = 512
"""The largest that a disk writes as a whole, whatever it promises."""


def build(directory: Path) -> Path:
    """The library that notes what is synced. Skips the test where it can't be built."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = directory / "power_cut.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-lpthread"]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode:
        pytest.skip(f"the library for power cuts can't be built here: {built.stderr}")
    return library


@dataclass(frozen=True)
class PowerSupply:
    """Of a process that works in *root*: give it `environ`, kill it, and `cut`."""

    library: Path
    root: Path
    shadow: Path
    _held: list[BinaryIO] = field(default_factory=list)
    """The files it found, open so that no new file gets the inode number of one of them and passes for it."""

    @property
    def environ(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self.library),
            "POWER_CUT_ROOT": str(self.root),
            "POWER_CUT_SHADOW": str(self.shadow),
        }

    def switch_on(self) -> None:
        """All that is in *root* by now is on the disk."""
        shutil.rmtree(self.shadow, ignore_errors=True)
        self.shadow.mkdir(parents=True)
        self.root.mkdir(parents=True, exist_ok=True)
        for path in [self.root, *self.root.rglob("*")]:
            inode = path.stat().st_ino
            if path.is_dir():
                names = [f"{each.stat().st_ino} {each.name}\n" for each in path.iterdir() if each.is_file()]
                (self.shadow / f"d-{inode}").write_text("".join(names))
            elif path.is_file():
                self._held.append(path.open("rb"))
                shutil.copyfile(path, self.shadow / f"f-{inode}")

    def cut(self, target: Path, chance: random.Random) -> None:
        """Make *target* what is found after the power cut: of what was not synced, any sector may be there or not."""
        for directory in [self.root, *(path for path in self.root.rglob("*") if path.is_dir())]:
            copy = target / directory.relative_to(self.root)
            copy.mkdir(parents=True, exist_ok=True)
            noted = self.shadow / f"d-{directory.stat().st_ino}"
            names = [line.split(" ", 1) for line in noted.read_text().splitlines()] if noted.exists() else []
            for inode, name in names:
                synced = self.shadow / f"f-{inode}"
                before = synced.read_bytes() if synced.exists() else b""
                after = directory / name
                is_same = after.exists() and str(after.stat().st_ino) == inode
                content = _mix(before, after.read_bytes() if is_same else before, chance)
                (copy / name).write_bytes(content)
        while self._held:
            self._held.pop().close()


def _mix(before: bytes, after: bytes, chance: random.Random) -> bytes:
    """Sectors of the one or of the other, and a length of the one or of the other."""
    if before == after or chance.random() < 0.3:
        return before
    share = chance.random()
    length = len(after) if chance.random() < 0.5 else len(before)
    mixed = bytearray(before.ljust(length, b"\0")[:length])
    for at in range(0, min(length, len(after)), SECTOR_BYTES):
        if chance.random() < share:
            mixed[at : at + SECTOR_BYTES] = after[at : min(at + SECTOR_BYTES, length)]
    return bytes(mixed[:length])
