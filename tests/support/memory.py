"""Where the files of tests lie: in memory, where the machine has some to spare.

A node asks the disk to keep each commit, which on a shared disk is most of what a test waits for. What is killed here is a
process, never the machine, so that nothing a test proves needs a real disk.
"""

import os
import shutil
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")
_ENOUGH_BYTES = 6 << 30


def folder() -> Path | None:
    """A folder in memory; None where the machine has none, or too little."""
    try:
        free = shutil.disk_usage(_SHARED_MEMORY).free
    except OSError:
        return None
    return _SHARED_MEMORY if free >= _ENOUGH_BYTES and os.access(_SHARED_MEMORY, os.W_OK) else None


def put_tests_there() -> None:
    """Let pytest make its temporary folders there, unless somebody has said where."""
    found = folder()
    if found is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(found))
