"""How answers of `valence serve` end: over HTTP/1.0, without a body, cut off, refused after their head."""
import json
import signal
import socket
import time
import unittest

from serve_support import HOST, OneServer, Server, ask, raw, statuses

# Far below the 30 s that a body may take and the 18 s that a shutdown waits for answers.
SOON_S = 8
NDJSON = b"Content-Type: application/x-ndjson\r\n"


class Endings(OneServer):
    def until_end(self, connection):
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received

    def test_http_1_0_lines_whose_last_one_is_empty(self):
        lines = b'"I love it"\n'
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=SOON_S) as connection:
            connection.sendall(b"POST /v1/classify HTTP/1.0\r\n" + HOST + NDJSON + b"Content-Length: 13\r\n\r\n" + lines)
            received = b""
            while b"positive" not in received:
                received += connection.recv(65536)
            connection.sendall(b"\n")
            self.until_end(connection)

    def test_head_of_a_stream_is_all_of_it(self):
        connection = self.server.connect(timeout=SOON_S)
        for _ in range(3):
            status, headers, body = ask(connection, "HEAD", "/v1/events")
            self.assertEqual((status, headers["content-type"], body), (200, "text/event-stream", b""))
            self.assertEqual(ask(connection, "POST", "/v1/classify", {"texts": ["I love it"]})[0], 200)
        connection.close()
        end = time.monotonic() + SOON_S
        while self.server.metric("valence_event_subscribers") > 0:
            self.assertLess(time.monotonic(), end)

    def test_a_reader_of_events_over_http_1_0_does_not_hold_up_the_end(self):
        with Server("--drain-delay-ms", 0) as server:
            with socket.create_connection(("127.0.0.1", server.port), timeout=SOON_S) as connection:
                connection.sendall(b"GET /v1/events HTTP/1.0\r\n" + HOST + b"\r\n")
                received = b""
                while b"event: stats" not in received:
                    received += connection.recv(65536)
                begin = time.monotonic()
                server.process.send_signal(signal.SIGTERM)
                self.until_end(connection)
                self.assertEqual(server.process.wait(30), 0)
            self.assertLess(time.monotonic() - begin, SOON_S)

    def test_a_broken_chunk_ends_a_stream_of_lines(self):
        head = b"POST /v1/classify HTTP/1.1\r\n" + HOST + NDJSON + b"Transfer-Encoding: chunked\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=SOON_S) as connection:
            connection.sendall(head + b'c\r\n"I love it"\n\r\n')
            received = b""
            while b"positive" not in received:
                received += connection.recv(65536)
            connection.sendall(b"-2\r\nab\r\n")
            self.assertNotIn(b"\r\n0\r\n\r\n", received + self.until_end(connection))
        self.assert_still_serves()

    def test_a_body_that_becomes_too_long_is_answered_in_its_dialect_and_under_its_id(self):
        chunk = b"%x\r\n%s\r\n" % (100_000, b" " * 100_000)
        for path, members in ((b"/v1/classify", {"error", "error_type", "request_id", "hint"}), (b"/predict", {"error", "error_type"}),
                              (b"/models/x", {"error"}), (b"/classify", {"error"})):
            head = (b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"X-Request-Id: mine-1\r\nContent-Type: application/json\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n")
            received = raw(self.server.port, head + chunk * 30, timeout=SOON_S)
            self.assertEqual(statuses(received), [413], path)
            self.assertIn(b"X-Request-Id: mine-1\r\n", received)
            reply = json.loads(received.split(b"\r\n\r\n", 1)[1])
            self.assertLessEqual(set(reply), members, path)
            self.assertEqual(isinstance(reply["error"], dict), path == b"/classify")
        text = self.server.request("GET", "/metrics")[2].decode()
        self.assertIn('valence_requests_total{code="413",route="/predict"} 1\n', text)


class Bulk(unittest.TestCase):
    def test_lines_that_wait_for_a_full_queue_are_no_refusals(self):
        with Server("--max-queue", "1", "--no-history") as server:
            body = '"I love it"\n' * 6000
            status, _, text = server.request("POST", "/v1/classify", body, {"Content-Type": "application/x-ndjson"}, timeout=300)
            self.assertEqual((status, text.count(b'"positive"')), (200, 6000))
            self.assertEqual(server.metric("valence_refused_requests_total"), 0)


if __name__ == "__main__":
    unittest.main()
