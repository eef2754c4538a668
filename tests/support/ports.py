"""Ports on loopback."""

import itertools
import os
import random
import socket
import time

# Below what the kernel gives out by itself: nobody's outgoing call or listener of any port takes one of these by chance.
_OURS = range(20_000, 32_000)
_PARTS = 12


def _in_turn() -> "itertools.cycle[int]":
    """Every second port of this process's part, in an order of chance: its neighbour is nobody's, nor does another process
    that runs tests beside this one give out any of them."""
    mine = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PARTS
    size = len(_OURS) // _PARTS
    ports = list(_OURS[mine * size : (mine + 1) * size : 2])
    # Not the shared chance, which property tests set back.
    random.SystemRandom().shuffle(ports)
    return itertools.cycle(ports)


_PORTS = _in_turn()


def free_port() -> int:
    """A port that was free a moment ago, and that nobody gets who does not ask for it by its number."""
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("Ports go round without end.")


def neighbouring_ports() -> int:
    """The lower of two free ports side by side, as `eccoo demo --port` wants them."""
    while True:
        port = free_port()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def wait_for_port(port: int, timeout_s: float = 10) -> None:
    """Return when something listens there; TimeoutError when nothing did in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(f"Nothing listens on port {port} after {timeout_s} seconds.")
