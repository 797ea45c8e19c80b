"""The clients of the HTTP measurement, in a process of their own: kept connections, requests made beforehand.

Knows sockets and bytes alone, so that it takes as little as can be of the processors that the site runs on.
"""

from __future__ import annotations

import pickle
import socket
import sys
import threading
import time

STATUS = slice(9, 12)


def send_all(host: str, port: int, requests: list[bytes], deadline: float, counts: dict[bytes, int]) -> None:
    """Send requests one after the other on a kept connection until the deadline; count answers by status."""
    line = socket.create_connection((host, port))
    for request in requests:
        if time.monotonic() > deadline:
            return
        answer = exchange(line, request)
        while not answer:
            # Closed while idle, as some servers do: a terminal opens another and repeats the bytes.
            line = socket.create_connection((host, port))
            answer = exchange(line, request)
        counts[answer[STATUS]] = counts.get(answer[STATUS], 0) + 1
    raise SystemExit("There were too few requests for the time.")


def exchange(line: socket.socket, request: bytes) -> bytes:
    """Send a request and read its answer; empty where the server closed the connection instead."""
    answer = b""
    try:
        line.sendall(request)
        while not is_whole(answer):
            more = line.recv(65_536)
            if not more:
                return b""
            answer += more
    except ConnectionError:
        return b""
    return answer


def is_whole(answer: bytes) -> bool:
    head, gap, body = answer.partition(b"\r\n\r\n")
    if not gap:
        return False
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)


def main() -> None:
    host, port, seconds, batches = pickle.load(sys.stdin.buffer)
    counts: list[dict[bytes, int]] = [{} for _ in batches]
    started = time.monotonic()
    threads = [
        threading.Thread(target=send_all, args=(host, port, requests, started + seconds, counted))
        for requests, counted in zip(batches, counts, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - started
    total: dict[str, int] = {}
    for counted in counts:
        for status, count in counted.items():
            total[status.decode()] = total.get(status.decode(), 0) + count
    sys.stdout.buffer.write(pickle.dumps((took, total)))


if __name__ == "__main__":
    main()
