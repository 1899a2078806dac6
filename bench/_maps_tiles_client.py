"""The same client for every server of _maps_tiles.py: kept connections, one request under way on each.

    python bench/_maps_tiles_client.py PORT SECONDS CONNECTIONS < paths

Asks for one path a line, again from the first when there are no more, and prints how many answers came, how many of
them were pictures, and how many bytes. It reads no picture: its own processor time is small and the same for all.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from itertools import cycle


class Connection:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._got = bytearray()
        self._whole: int | None = None
        self.status = 0

    def ask(self, request: bytes) -> None:
        self._got.clear()
        self._whole = None
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what has come; whether the answer is complete."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionResetError("the server closed the connection")
        self._got += part
        if self._whole is None:
            end = self._got.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = bytes(self._got[:end]).lower()
            self.status = int(head[9:12])
            length = head.find(b"content-length:")
            size = int(head[length + 15 :].split(b"\r\n", 1)[0]) if length >= 0 else 0
            self._whole = end + 4 + size
        return len(self._got) >= self._whole

    @property
    def size(self) -> int:
        """Bytes of the last answer."""
        return len(self._got)


def main() -> None:
    port, seconds, count = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    paths = [line.strip() for line in sys.stdin if line.strip()]
    requests = cycle([f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths])
    waiting = selectors.DefaultSelector()
    for _ in range(count):
        connection = Connection(port)
        waiting.register(connection.socket, selectors.EVENT_READ, connection)
        connection.ask(next(requests))
    answers = pictures = size = 0
    start = time.perf_counter()
    while (now := time.perf_counter()) - start < seconds:
        for key, _events in waiting.select(1.0):
            connection = key.data
            try:
                is_complete = connection.receive()
            except ConnectionError:  # a worker of the server starts anew after so many requests
                waiting.unregister(connection.socket)
                connection.socket.close()
                connection = Connection(port)
                waiting.register(connection.socket, selectors.EVENT_READ, connection)
                connection.ask(next(requests))
                continue
            if is_complete:
                answers += 1
                pictures += connection.status == 200
                size += connection.size
                if connection.status >= 500:
                    raise SystemExit(f"the server answered {connection.status}")
                connection.ask(next(requests))
    print(json.dumps({"rate": answers / (now - start), "answers": answers, "pictures": pictures, "bytes": size}))


if __name__ == "__main__":
    main()
