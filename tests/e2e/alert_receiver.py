"""A receiver of alerts on this machine, for tests: answers as it is told to, and keeps what it got."""
import http.server
import threading
import time
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.got.append((self.path, dict(self.headers.items()), body))
        answer = self.server.answer
        try:
            answer(self)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client has had enough

    def do_GET(self):
        self.server.got.append((self.path, dict(self.headers.items()), b""))
        self.plain(200, b"followed")

    def plain(self, status, body=b"ok", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def ok(handler):
    handler.plain(200)


def status(code, body=b"no", **headers):
    return lambda handler: handler.plain(code, body, **headers)


def gigabyte(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 30))
    handler.end_headers()
    for _ in range(1 << 14):
        handler.wfile.write(b"x" * (1 << 16))


def hang(handler):
    handler.server.released.wait(30)


class Receiver:
    """with Receiver() as receiver: receiver.url, receiver.got, receiver.answer = status(429, Retry_After="7")."""

    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.got = []
        self.server.answer = ok
        self.server.released = threading.Event()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.released.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/services/T0/B0/canary-7f3a"

    def config(self, folder):
        """Path of a configuration whose one rule, more than 10 % negative of the last 20, tells this receiver after a second."""
        path = Path(folder) / "config.toml"
        path.write_text(f"""
[alerts]
rules = ["negative > 10% of last 20 -> hook"]
group_wait = "1s"
state_file = "{folder}/alerts.journal"
[alerts.receivers.hook]
kind = "webhook"
url = "{self.url}"
allow_private = true
""")
        return path

    @property
    def got(self):
        return self.server.got

    def answers(self, answer):
        self.server.answer = answer


def timed(function):
    begin = time.monotonic()
    result = function()
    return result, time.monotonic() - begin
