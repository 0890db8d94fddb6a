"""A Hugging Face hub on 127.0.0.1 with tiny models, and the ways in which a real one fails."""

import hashlib
import json
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".bin")
"""Kept as large files with a checksum, as on the hub."""


class FakeHub:
    """Serves `<root>/<owner>/<name>/` as models, and remembers what was asked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[tuple[str, str]] = []
        """Path and Range header ("" where none) of each request for a file."""
        self.refuse: dict[str, tuple[int, dict[str, str]]] = {}
        """Hub id -> status and headers of every answer about it."""
        self.silent_seconds = 0.0
        """How long it waits before the first answer."""
        self.break_after: int | None = None
        """Bytes of a large file after which the connection breaks, once."""
        self.chunk_pause = 0.0
        """Seconds between two chunks of 64 kB."""
        self.corrupt = False
        """Send other bytes than promised."""
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub._answer(self)

            def do_HEAD(self) -> None:
                hub._answer(self)

            def log_message(self, *_: object) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        time.sleep(self.silent_seconds)
        parts = request.path.split("?")[0].strip("/").split("/")
        is_api = parts[:2] == ["api", "models"]
        hub_id = "/".join(parts[2:4] if is_api else parts[:2])
        if hub_id in self.refuse:
            status, headers = self.refuse[hub_id]
            return _send(request, status, b"{}", headers)
        folder = self.root / hub_id
        if not folder.is_dir():
            return _send(request, 404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if is_api:
            return _send(request, 200, json.dumps(_describe(hub_id, folder)).encode())
        path = folder / "/".join(parts[4:])
        if parts[2] != "resolve" or not path.is_file():
            return _send(request, 404, b"", {"X-Error-Code": "EntryNotFound"})
        return self._send_file(request, path)

    def _send_file(self, request: BaseHTTPRequestHandler, path: Path) -> None:
        wanted = request.headers.get("Range", "")
        self.asked.append((path.name, wanted))
        content = path.read_bytes()
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        body = content[start:] if not self.corrupt else bytes(len(content) - start)
        request.send_response(206 if wanted else 200)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("X-Repo-Commit", COMMIT)
        request.end_headers()
        limit = self.break_after if path.suffix in LARGE else None
        if limit is not None:
            self.break_after = None
            request.wfile.write(body[:limit])
            request.wfile.flush()
            request.connection.shutdown(socket.SHUT_RDWR)
            request.close_connection = True
            return
        with suppress(ConnectionError):  # who asked may stop in the middle
            for offset in range(0, len(body), 1 << 16):
                request.wfile.write(body[offset : offset + (1 << 16)])
                request.wfile.flush()
                time.sleep(self.chunk_pause)


def _describe(hub_id: str, folder: Path) -> dict[str, object]:
    siblings = []
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        entry: dict[str, object] = {"rfilename": path.name, "size": len(content), "blobId": "0" * 40}
        if path.suffix in LARGE:
            digest = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 130}
        siblings.append(entry)
    return {
        "id": hub_id,
        "modelId": hub_id,
        "sha": COMMIT,
        "siblings": siblings,
        "tags": [],
        "private": False,
    }


def _send(
    request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
