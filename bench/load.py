"""A load from another process: one connection kept open, one request after the other, for a while.

Run as `python -m bench.load PORT PATH SECONDS COOKIE`; prints the number of answers a second, their median and what the
slowest hundredth takes.
"""

import socket
import statistics
import subprocess
import sys
import time


def _read(stream: socket.socket, buffer: bytes) -> tuple[int, bytes]:
    """One answer with a content-length; its status, and what came after it."""
    while b"\r\n\r\n" not in buffer:
        buffer += stream.recv(65536)
    head, _, rest = buffer.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(rest) < length:
        rest += stream.recv(65536)
    return int(head[9:12]), rest[length:]


def run(port: int, path: str, seconds: float, cookie: str = "") -> tuple[float, float, float]:
    """Answers a second, the median and the 99th percentile in milliseconds. Raises RuntimeError for an answer that is not 200."""
    stream = socket.create_connection(("127.0.0.1", port))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sent = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n".encode()
    took: list[float] = []
    rest = b""
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        stream.sendall(sent)
        status, rest = _read(stream, rest)
        if status != 200:
            raise RuntimeError(f"{path} answered {status}")
        took.append(time.perf_counter() - began)
    slow = sorted(took)[int(len(took) * 0.99)]
    return len(took) / sum(took), statistics.median(took) * 1000, slow * 1000


def _elsewhere(port: int, path: str, seconds: float, cookie: str) -> tuple[float, float, float]:
    command = [sys.executable, "-m", "bench.load", str(port), path, str(seconds), cookie]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    each, median, slow = done.stdout.split()
    return float(each), float(median), float(slow)


def elsewhere(port: int, path: str, seconds: float, cookie: str = "") -> tuple[float, float]:
    """Answers a second and their median, from a process of its own, so that client and server do not share one."""
    each, median, _ = _elsewhere(port, path, seconds, cookie)
    return each, median


def slowest(port: int, path: str, seconds: float, cookie: str = "") -> float:
    """Milliseconds within which 99 of 100 answers come, asked for in the same way."""
    return _elsewhere(port, path, seconds, cookie)[2]


if __name__ == "__main__":
    each, median, slow = run(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4])
    sys.stdout.write(f"{each} {median} {slow}\n")
