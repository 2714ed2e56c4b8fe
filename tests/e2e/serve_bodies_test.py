"""Bodies that `valence serve` is sent, good and hostile: in one piece, and line by line."""
import json
import socket
import time
import unittest

from serve_support import HOST, OneServer, post, raw, statuses
from support import valence


class Bodies(OneServer):
    def refused(self, body, expected, kind):
        status, _, text = self.server.request("POST", "/v1/classify", body)
        error = json.loads(text)
        self.assertEqual((status, error["error_type"]), (expected, kind), text[:300])
        self.assertEqual(sorted(error), ["error", "error_type", "hint", "request_id"])
        return error

    def test_text_that_is_not_utf8_names_the_byte(self):
        self.assertIn("byte 12", self.refused(b'{"texts": ["\xff"]}', 400, "InvalidJson")["error"])

    def test_deep_nesting_is_refused_at_once(self):
        begin = time.monotonic()
        self.refused(b"[" * 1_000_000 + b"]" * 999_999, 400, "InvalidJson")
        self.assertLess(time.monotonic() - begin, 5)

    def test_huge_numbers_are_no_crash(self):
        self.refused(b'{"texts": ["a"], "top_k": 1e999}', 400, "InvalidJson")
        self.refused(b'{"texts": ["a"], "top_k": 99999999999999999999999}', 422, "Validation")

    def test_ten_megabytes_are_refused_before_they_are_read(self):
        body = b'{"texts": ["' + b"a" * 10_000_000 + b'"]}'
        received = raw(self.server.port, post(body)[:5000])
        self.assertEqual(statuses(received), [413])
        self.assert_still_serves()

    def test_ten_thousand_texts_are_refused(self):
        self.refused(json.dumps({"texts": ["x"] * 10_000}), 413, "TooLarge")

    def test_many_texts_and_long_ones_are_classified(self):
        status, reply = self.server.classify(*(["I love it", "I hate it"] * 128))
        self.assertEqual(status, 200)
        self.assertEqual([result["label"] for result in reply["results"]], ["positive", "negative"] * 128)
        status, reply = self.server.classify("word " * 180_000)
        self.assertEqual((status, reply["results"][0]["truncated"]), (200, True))

    def test_scores_are_those_of_the_command_line(self):
        texts = ["I love it", "It is a chair.", "Très bien 😀", "a" * 500]
        command = valence("classify", *(word for text in texts for word in ("-t", text)), "--top-k", "all", "-f", "json",
                          "--threads", "1")
        status, reply = self.server.classify(*texts, top_k="all")
        self.assertEqual(status, 200)
        self.assertEqual([result["scores"] for result in reply["results"]], json.loads(command.stdout))


class Bulk(OneServer):
    def send(self, lines, path="/v1/classify"):
        body = b"".join(line.encode() + b"\n" for line in lines)
        return self.server.request("POST", path, body, {"Content-Type": "application/x-ndjson"}, timeout=120)

    def test_lines_come_back_in_order(self):
        texts = ["I love it", "I hate it", "It is a chair."]
        lines = [json.dumps({"text": texts[i % 3], "id": str(i)}) for i in range(1000)]
        status, headers, text = self.send(lines)
        self.assertEqual((status, headers["content-type"]), (200, "application/x-ndjson"))
        results = [json.loads(line) for line in text.splitlines()]
        self.assertEqual([result["id"] for result in results], [str(i) for i in range(1000)])
        self.assertEqual([result["label"] for result in results[:2]], ["positive", "negative"])

    def test_a_bad_line_has_its_error_in_its_place(self):
        status, _, text = self.send(['"I love it"', "{", '{"id": "x"}', '""', "", '{"text": "I hate it", "id": "last"}'])
        results = [json.loads(line) for line in text.splitlines()]
        self.assertEqual(status, 200)
        self.assertEqual([result.get("label") or result["error"]["type"] for result in results],
                         ["positive", "InvalidJson", "Validation", "EmptyText", "negative"])

    def test_options_are_in_the_query(self):
        _, _, text = self.send(['"I love it"'], "/v1/classify?top_k=2&threshold=1")
        result = json.loads(text)
        self.assertEqual((result["label"], len(result["scores"])), ("uncertain", 2))
        status, _, text = self.send(['"a"'], "/v1/classify?model=other")
        self.assertEqual((status, json.loads(text)["error_type"]), (404, "ModelNotFound"))

    def test_answers_come_while_the_request_is_being_sent(self):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as connection:
            connection.sendall(b"POST /v1/classify HTTP/1.1\r\n" + HOST +
                               b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
            received = b""
            for _ in range(3):
                connection.sendall(b'c\r\n"I love it"\n\r\n')
                before = received.count(b'"label"')
                while received.count(b'"label"') == before:
                    received += connection.recv(65536)
            connection.sendall(b"0\r\n\r\n")
            while not received.endswith(b"0\r\n\r\n"):
                received += connection.recv(65536)
        self.assertEqual(received.count(b'"positive"'), 3)

    def test_a_client_that_does_not_read_does_not_grow_the_server(self):
        line = json.dumps({"text": "I love it", "id": "i" * 190}).encode() + b"\n"
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=1) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(b"POST /v1/classify?top_k=all HTTP/1.1\r\n" + HOST +
                               b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
            chunk = line * 200
            sent = 0
            try:
                while sent < 100_000_000:
                    sent += connection.send(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            except (socket.timeout, OSError):
                pass
            self.assertLess(sent, 50_000_000)
        self.assert_still_serves()


if __name__ == "__main__":
    unittest.main()
