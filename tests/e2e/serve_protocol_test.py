"""`valence serve` and HTTP itself: what is read, what is refused, what every answer carries."""
import json
import socket
import time
import unittest

from serve_support import GOOD, HOST, OneServer, Server, ask, post, raw, statuses


class Protocol(OneServer):
    def test_keep_alive_connections_answer_many_requests(self):
        connection = self.server.connect()
        for _ in range(50):
            status, headers, _ = ask(connection, "POST", "/v1/classify", {"texts": ["I love it"]})
            self.assertEqual(status, 200)
            self.assertNotIn("connection", headers)
        connection.close()

    def test_pipelined_requests_are_answered_in_order(self):
        data = b"".join(post(json.dumps({"texts": [{"text": "I love it", "id": str(i)}]}).encode()) for i in range(20))
        received = raw(self.server.port, data + b"GET /health HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        self.assertEqual(statuses(received), [200] * 21)
        self.assertEqual([f'"id":"{i}"'.encode() in received for i in range(20)], [True] * 20)
        order = [received.index(f'"id":"{i}"'.encode()) for i in range(20)]
        self.assertEqual(order, sorted(order))

    def test_requests_that_could_be_read_in_two_ways_are_refused_and_end_the_connection(self):
        smuggled = b"GET /v1/models HTTP/1.1\r\n" + HOST + b"\r\n"
        for head in (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n",
                     b"Content-Length: 5\r\nContent-Length: 5\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
                     b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"Content-Length: +5\r\n",
                     b"Content-Length : 5\r\n", b"X: a\r\n Content-Length: 5\r\n", b"X: a\nContent-Length: 5\r\n",
                     b"Transfer-Encoding: \x0bchunked\r\n", b"X: a\x00b\r\n", b"Host: other\r\n"):
            with self.subTest(head=head):
                data = b"POST /v1/classify HTTP/1.1\r\n" + HOST + head + b"\r\n0\r\n\r\n" + smuggled
                received = raw(self.server.port, data)
                self.assertEqual(statuses(received), [400])
                self.assertIn(b"Connection: close", received)
        self.assert_still_serves()

    def test_broken_chunks_are_refused(self):
        head = b"POST /v1/classify HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        for body in (b"-2\r\nab\r\n0\r\n\r\n", b"+2\r\nab\r\n0\r\n\r\n", b"fffffffffffffffff\r\n", b"2\r\nabc\r\n0\r\n\r\n", b"2\nab\n0\n\n\r\n\r\n"):
            with self.subTest(body=body):
                self.assertEqual(statuses(raw(self.server.port, head + body)), [400])

    def test_chunks_carry_a_body(self):
        body = b'{"texts": ["I love it"]}'
        chunks = b"".join(b"1\r\n" + body[i:i + 1] + b"\r\n" for i in range(len(body))) + b"0\r\n\r\n"
        head = (b"POST /v1/classify HTTP/1.1\r\n" + HOST +
                b"Content-Type: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.assertEqual(statuses(raw(self.server.port, head + chunks)), [200])

    def test_expect_continue_is_answered_before_the_body(self):
        body = b'{"texts": ["I love it"]}'
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as connection:
            connection.sendall(post(body, b"Expect: 100-continue")[:-len(body)])
            self.assertEqual(connection.recv(1000), b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.sendall(body)
            self.assertEqual(statuses(connection.recv(65536)), [200])

    def test_head_is_get_without_a_body(self):
        status, headers, text = self.server.request("HEAD", "/metrics")
        self.assertEqual((status, text), (200, b""))
        self.assertGreater(int(headers["content-length"]), 1000)

    def test_half_closed_connections_get_an_answer(self):
        received = raw(self.server.port, GOOD, half_close=True)
        self.assertIn(statuses(received), ([200], [408]))

    def test_every_answer_carries_the_security_headers(self):
        for path in ("/health", "/nothing", "/docs", "/metrics"):
            _, headers, _ = self.server.request("GET", path)
            self.assertEqual(headers["x-content-type-options"], "nosniff")
            self.assertIn("default-src 'none'", headers["content-security-policy"])
            self.assertIn("frame-ancestors 'none'", headers["content-security-policy"])
            self.assertTrue(headers["x-request-id"])

    def test_a_request_without_a_length_gets_411(self):
        received = raw(self.server.port, b"POST /v1/classify HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        self.assertEqual(statuses(received), [411])

    def test_large_heads_get_431(self):
        received = raw(self.server.port, b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        self.assertEqual(statuses(received), [431])

    def test_http_1_0_is_answered_and_closed(self):
        self.assertEqual(statuses(raw(self.server.port, b"GET /health HTTP/1.0\r\n\r\n")), [200])


class Slow(unittest.TestCase):
    def test_clients_that_drip_are_cut_off_and_others_are_served(self):
        with Server() as server:
            drips = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
            bodies = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
            for connection in drips:
                connection.sendall(b"GET /hea")
            for connection in bodies:
                connection.sendall(GOOD[:-5])
            begin = time.monotonic()
            while time.monotonic() - begin < 9:
                self.assertEqual(server.classify("I love it")[0], 200)
                for connection in drips:
                    connection.sendall(b"l")
                time.sleep(1)
            for connection in drips:
                connection.settimeout(10)
                self.assertEqual(statuses(connection.recv(65536)), [408])
            self.assertLess(time.monotonic() - begin, 20)
            for connection in bodies:
                connection.settimeout(40)
                self.assertEqual(statuses(connection.recv(65536)), [408])
            self.assertLess(time.monotonic() - begin, 45)
            for connection in drips + bodies:
                connection.close()

    def test_more_connections_than_allowed_wait_for_their_turn(self):
        with Server("--max-connections", "8") as server:
            held = [server.connect() for _ in range(8)]
            for connection in held:
                self.assertEqual(ask(connection, "GET", "/health")[0], 200)
            late = server.connect(timeout=20)
            late.request("GET", "/health")
            held[0].close()
            self.assertEqual(late.getresponse().status, 200)
            for connection in held[1:] + [late]:
                connection.close()


if __name__ == "__main__":
    unittest.main()
