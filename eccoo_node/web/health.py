"""Whether the node is alive, and whether it is ready. Read by machines, so it says no more than it must."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from litestar import Controller, Response, get

from eccoo_node.db.migrate import pending
from eccoo_node.db.rows import fetch_value
from eccoo_node.kernel import clock
from eccoo_node.kernel.paths import DataFolder, shipped
from eccoo_node.web.ask import AnyRequest, ask_of

_LEAST_FREE = 100 * 1024 * 1024
_LATE = timedelta(minutes=5)


def _json(status: int, body: dict[str, Any]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


async def find_faults(folder: DataFolder, migrations: Path | None = None) -> dict[str, str]:
    """What is wrong, by part: database, migrations, disk, jobs. Empty when the node is ready."""
    faults: dict[str, str] = {}
    try:
        await fetch_value("SELECT 1")
        if left := await pending(migrations or shipped("migrations")):
            faults["migrations"] = f"{len(left)} waiting"
        oldest = clock.now() - _LATE
        late = await fetch_value(
            "SELECT COUNT(*) FROM job WHERE dead = FALSE AND run_at < ? AND (leased_until IS NULL OR leased_until < ?)",
            oldest, oldest,
        )  # fmt: skip
        if late:
            faults["jobs"] = f"{late} late"
    except Exception as error:
        # A health check reports whatever is wrong; it never fails itself.
        faults["database"] = type(error).__name__
    try:
        if shutil.disk_usage(folder.home).free < _LEAST_FREE:
            faults["disk"] = "nearly full"
    except OSError as error:
        faults["disk"] = type(error).__name__
    return faults


class HealthController(Controller):
    """For whoever watches over the process."""

    include_in_schema = False

    @get("/healthz", opt={"action": "public"})
    async def healthz(self) -> Response[bytes]:
        """Alive; touches nothing."""
        return _json(200, {"alive": True})

    @get("/readyz", opt={"action": "public"})
    async def readyz(self, request: AnyRequest) -> Response[bytes]:
        """Ready to serve, or what is not."""
        faults = await find_faults(ask_of(request).site.folder)
        parts = {part: faults.get(part, "ok") for part in ("database", "migrations", "disk", "jobs")}
        return _json(503 if faults else 200, {"ready": not faults, **parts})
