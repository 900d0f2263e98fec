"""Runs a command in a network of its own, and says every name that it looked up there.

`python isolated.py COMMAND...`, inside `unshare --net --mount`: the only server that can be reached is a name server on
the loopback device, which knows no name and writes down what it is asked. The last line on stdout is JSON.
"""

import fcntl
import json
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

_SET_FLAGS, _GET_FLAGS, _UP = 0x8914, 0x8913, 1
_NO_SUCH_NAME = struct.pack(">H", 0x8183)


def main(command: list[str]) -> None:
    bring_loopback_up()
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as configuration:
        configuration.write("nameserver 127.0.0.1\n")
        configuration.flush()
        subprocess.run(["mount", "--bind", configuration.name, "/etc/resolv.conf"], check=True)
        asked: list[str] = []
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 53))
        threading.Thread(target=answer, args=(server, asked), daemon=True).start()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        print(json.dumps({"status": done.returncode, "output": done.stdout + done.stderr, "asked": asked}))


def bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _GET_FLAGS, request))[1]
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def answer(server: socket.socket, asked: list[str]) -> None:
    while True:
        query, sender = server.recvfrom(512)
        asked.append(name_in(query))
        server.sendto(query[:2] + _NO_SUCH_NAME + query[4:], sender)


def name_in(query: bytes) -> str:
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    return ".".join(labels)


if __name__ == "__main__":
    main([str(Path(sys.argv[1])), *sys.argv[2:]])
