"""What the tests of `valence serve` share: a running server, and HTTP both polite and raw."""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from support import BINARY

READ_KEY = "read-key-0123456789"
ADMIN_KEY = "admin-key-0123456789"
HOST = b"Host: localhost\r\n"
KEY_LINES = f"# keys of the tests\nread web {READ_KEY}\nadmin ops {ADMIN_KEY}\n"


class Server:
    """`valence serve` on a free port of loopback, as a context manager. `prefix`: what the program is started by."""

    def __init__(self, *arguments, wait=True, scheme="http", home=None, prefix=()):
        self._home = None if home else tempfile.TemporaryDirectory(prefix="valence-serve-")
        home = str(home or self._home.name)
        environment = {**os.environ, "HOME": home, "XDG_DATA_HOME": home + "/data", "XDG_STATE_HOME": home + "/state",
                       "XDG_CONFIG_HOME": home + "/config"}
        self.process = subprocess.Popen([*prefix, BINARY, "serve", "--port", "0", "--threads", "1", *map(str, arguments)],
                                        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.lines = []
        self.port = None
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.scheme = scheme
        if wait and not self._listening.wait(60):
            self.process.kill()
            raise AssertionError("the server does not listen: " + "\n".join(self.lines))

    def _read(self):
        for raw in self.process.stderr:
            line = raw.decode(errors="replace").rstrip()
            self.lines.append(line)
            found = re.search(r"listening on \w+://.*:(\d+)$", line)
            if found:
                self.port = int(found[1])
                self._listening.set()
        self._listening.set()

    def __enter__(self):
        if self.port is None:
            self.__exit__()
            raise AssertionError("the server ended: " + "\n".join(self.lines))
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(5)
        self.process.stderr.close()
        if self._home:
            self._home.cleanup()

    def connect(self, timeout=30):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, timeout=30):
        """(status, headers in lower case, body as bytes) over a connection of its own."""
        connection = self.connect(timeout)
        try:
            return ask(connection, method, path, body, headers)
        finally:
            connection.close()

    def json(self, method, path, body=None, headers=None):
        status, _, text = self.request(method, path, body, headers)
        return status, json.loads(text) if text else None

    def classify(self, *texts, headers=None, **members):
        return self.json("POST", "/v1/classify", {"texts": list(texts), **members}, headers)

    def metric(self, name):
        """The sum over all series of a metric."""
        _, _, text = self.request("GET", "/metrics")
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.decode().splitlines()
                   if re.match(re.escape(name) + r"[ {]", line))


def ask(connection, method, path, body=None, headers=None):
    headers = dict(headers or {})
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    if body is not None and "Content-Type" not in headers:
        headers["Content-Type"] = "application/json"
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    text = reply.read()
    return reply.status, {name.lower(): value for name, value in reply.getheaders()}, text


def raw(port, data, timeout=10, half_close=False):
    """What comes back on a connection that these bytes were sent on, until its end or `timeout`."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        received = b""
        try:
            while True:
                piece = connection.recv(65536)
                if not piece:
                    return received
                received += piece
        except (socket.timeout, ConnectionResetError):
            return received


def statuses(received):
    """Status codes of the replies in `received`, in order."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def key_file(folder):
    path = Path(folder) / "keys.txt"
    path.write_text(KEY_LINES)
    return path


def certificate_files(folder):
    """A certificate of localhost that signs itself, and its key."""
    certificate, key = Path(folder) / "cert.pem", Path(folder) / "key.pem"
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                           "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                          capture_output=True, check=False)
    if made.returncode != 0:
        raise unittest.SkipTest("openssl cannot make a certificate")
    return certificate, key


def post(body, *headers, path=b"/v1/classify"):
    lines = b"".join(header + b"\r\n" for header in headers)
    return (b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n" + lines +
            b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)


GOOD = post(b'{"texts": ["I love it"]}')


def wait_for(condition, seconds=60):
    """The first true value of `condition`, which is asked again and again."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.02)


class OneServer(unittest.TestCase):
    """Tests that leave the server as they found it share one."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server().__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def assert_still_serves(self):
        status, reply = self.server.classify("I love it")
        self.assertEqual((status, reply["results"][0]["label"]), (200, "positive"))


class OneHistory(unittest.TestCase):
    """Tests that share a server which keeps texts, in a home of its own."""

    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory()
        cls.server = Server("--store-text", "full", home=cls.home.name).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.home.cleanup()
