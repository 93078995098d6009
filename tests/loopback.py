"""Real HTTP servers on the loopback interface that answer as a test wants."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Request(BaseHTTPRequestHandler):
    """One request. An answer writes to `wfile`, or calls `reply`."""

    protocol_version = "HTTP/1.1"

    body = b""  # of a POST or PUT

    def do_GET(self) -> None:
        """Answer."""
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server = self.server
        assert isinstance(server, Server)
        server.asked.append(self.path)
        try:
            server.answer(self)
        except OSError:
            self.close_connection = True  # the client has hung up, as it should

    do_HEAD = do_PUT = do_DELETE = do_POST = do_GET

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send a whole answer; underscores in a header's name stand for hyphens."""
        self.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the server keeps the paths."""


class Server(ThreadingHTTPServer):
    """Answers each request with `answer`, in a thread of its own; `asked` are their paths."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Request], None]) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.answer = answer
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        """Where it listens: http://host:port."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(answer: Callable[[Request], None]) -> Iterator[Server]:
    """Run a server within the `with` block."""
    with Server(answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
