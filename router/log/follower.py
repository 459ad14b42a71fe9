"""The follower: reads a log that another process may be writing, and changes nothing in it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from router.errors import OperatorError
from router.log.identity import read_id
from router.log.recovery import check_headers, known_end, remembered_id
from router.log.segment_file import find_segments
from router.log.segments import Segments

_NO_LOG = "there is no log here. Start the router first, or correct `data` in the config."


class Follower:
    """Rescued copies of damaged segments go into a temporary directory, which `close` removes."""

    def __init__(self, segments: Segments, scratch: Path) -> None:
        self.segments = segments
        self._scratch = scratch
        self.end = 0
        self.look()

    @classmethod
    def open(cls, directory: Path) -> Follower:
        """Open what is in *directory*.

        Raises:
            OperatorError: there is no log, or a newer program wrote it.
        """
        if not directory.is_dir():
            raise OperatorError(f"{directory}: {_NO_LOG}")
        log_id = read_id(directory) or remembered_id(find_segments(directory, directory))
        if log_id is None:
            raise OperatorError(f"{directory}: {_NO_LOG}")
        scratch = Path(tempfile.mkdtemp(prefix="router-log-"))
        try:
            segments = Segments(directory, scratch, log_id)
            segments.is_follower = True
            check_headers(segments, may_migrate=False)
            return cls(segments, scratch)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise

    def look(self) -> int:
        """See what was written since. Returns the last sequence there is."""
        # The marks first: the writer moves them after its commit, so the rows they speak of are already there.
        known = max(self.end, known_end(self.segments.directory, self.segments.log_id))
        self.segments.refresh()
        files = self.segments.files
        if files:
            known = max(known, files[-1].first - 1, self.segments.last_readable(files[-1]))
        self.end = known
        return known

    def close(self) -> None:
        self.segments.close()
        shutil.rmtree(self._scratch, ignore_errors=True)
