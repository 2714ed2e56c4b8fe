"""Requests at a chosen rate, whether or not the answers come (open loop), or as fast as they come (closed loop).

One thread, keep-alive connections that are made as they are needed. Each request is whole bytes; each answer must have
a Content-Length.
"""
import collections
import selectors
import socket
import time
from dataclasses import dataclass, field

PATIENCE_S = 60


@dataclass
class Answer:
    request: int  # its index in the list of requests
    status: int
    headers: dict
    body: bytes
    seconds: float  # from sent to read
    at: float  # when it was read, since the load began


@dataclass
class _Connection:
    socket: socket.socket
    received: bytes = b""
    request: int = -1
    sent: float = 0.0
    unsent: bytes = field(default=b"")


class LoadClient:
    def __init__(self, port, requests):
        self.port = port
        self.requests = requests
        self.selector = selectors.DefaultSelector()
        self.idle = collections.deque()
        self.busy = 0
        self.next_request = 0
        self.bytes_sent = 0
        self.bytes_received = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()

    def at_rate(self, per_second, seconds):
        """The answers to per_second * seconds requests, evenly spaced."""
        return self._run(seconds, lambda elapsed, sent: sent < min(elapsed, seconds) * per_second,
                         lambda sent: sent / per_second)

    def with_clients(self, clients, seconds):
        """The answers while this many requests are under way at any time."""
        return self._run(seconds, lambda elapsed, sent: elapsed < seconds and self.busy < clients, lambda sent: 0)

    def each_once(self, clients):
        """The answers to every request once, this many under way at a time."""
        self.next_request = 0
        return self._run(float("inf"), lambda elapsed, sent: sent < len(self.requests) and self.busy < clients,
                         lambda sent: 0, lambda sent: sent == len(self.requests))

    def _run(self, seconds, is_due, due_at, is_over=lambda sent: False):
        begin = time.monotonic()
        answers, sent = [], 0
        while True:
            elapsed = time.monotonic() - begin
            while is_due(elapsed, sent):
                self._send()
                sent += 1
            ending = elapsed >= seconds or is_over(sent)
            if ending and self.busy == 0:
                return answers
            wait = PATIENCE_S if ending else min(PATIENCE_S, seconds - elapsed)
            if not ending and due_at(sent) > elapsed:
                wait = min(wait, due_at(sent) - elapsed)
            ready = self.selector.select(max(0, wait))
            if ending and not ready:
                raise AssertionError(f"{self.busy} requests were not answered within {PATIENCE_S} s")
            for key, events in ready:
                answer = self._advance(key.data, events)
                if answer:
                    answer.at = time.monotonic() - begin
                    answers.append(answer)

    def _send(self):
        if self.idle:
            connection = self.idle.popleft()
        else:
            connection = _Connection(socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S))
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.socket.setblocking(False)
            self.selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.request = self.next_request
        connection.unsent = self.requests[self.next_request]
        self.next_request = (self.next_request + 1) % len(self.requests)
        self.busy += 1
        connection.sent = time.monotonic()
        self._push(connection)

    def _push(self, connection):
        try:
            size = connection.socket.send(connection.unsent)
        except BlockingIOError:
            size = 0
        self.bytes_sent += size
        connection.unsent = connection.unsent[size:]
        self.selector.modify(connection.socket, selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0),
                             connection)

    def _advance(self, connection, events):
        if events & selectors.EVENT_WRITE:
            self._push(connection)
        if not events & selectors.EVENT_READ:
            return None
        piece = connection.socket.recv(1 << 16)
        if not piece:
            self.selector.unregister(connection.socket)
            connection.socket.close()
            if connection in self.idle:
                self.idle.remove(connection)
                return None
            raise AssertionError("the server closed a connection before it had answered")
        self.bytes_received += len(piece)
        connection.received += piece
        head, separator, body = connection.received.partition(b"\r\n\r\n")
        if not separator:
            return None
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if len(body) < int(headers["content-length"]):
            return None
        answer = Answer(connection.request, int(status.split()[1]), headers, body, time.monotonic() - connection.sent, 0)
        connection.received = b""
        self.busy -= 1
        if headers.get("connection") != "close":
            self.idle.append(connection)
        else:
            self.selector.unregister(connection.socket)
            connection.socket.close()
        return answer


def percentile(values, share):
    ordered = sorted(values)
    return ordered[int(share * (len(ordered) - 1))] if ordered else 0.0
