"""`valence serve` under what clients, careless and hostile, do to it."""
import concurrent.futures
import hashlib
import hmac
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from serve_support import ADMIN_KEY, READ_KEY, Server, ask, key_file, raw, statuses
from support import BINARY, valence, write_tiny_model

HOST = b"Host: localhost\r\n"


def post(body, *headers, path=b"/v1/classify"):
    lines = b"".join(header + b"\r\n" for header in headers)
    return (b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n" + lines +
            b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)


GOOD = post(b'{"texts": ["I love it"]}')


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


class Access(unittest.TestCase):
    def test_keys_decide_what_a_caller_may_do(self):
        with tempfile.TemporaryDirectory() as folder, Server("--api-key-file", key_file(folder)) as server:
            read, admin = {"Authorization": f"Bearer {READ_KEY}"}, {"Authorization": f"Bearer {ADMIN_KEY}"}
            for path in ("/health", "/livez", "/readyz", "/metrics"):
                self.assertEqual(server.request("GET", path)[0], 200)
            for method, path in (("GET", "/v1/models"), ("POST", "/v1/classify"), ("POST", "/predict"), ("POST", "/classify"),
                                 ("POST", "/"), ("GET", "/info"), ("GET", "/v2"), ("GET", "/nothing"),
                                 ("POST", "/v1/models/default/reload")):
                self.assertEqual(server.request(method, path)[0], 401, path)
            self.assertEqual(server.classify("I love it", headers=read)[0], 200)
            self.assertEqual(server.request("POST", "/v1/models/default/reload", headers=read)[0], 403)
            self.assertEqual(server.request("POST", "/v1/models/default/reload", headers=admin)[0], 200)

    def test_a_public_address_needs_keys_or_insecure(self):
        result = valence("serve", "--host", "0.0.0.0", "--port", "0")
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"--api-key-file", result.stderr)

    def test_key_files_are_checked_and_never_quoted(self):
        with tempfile.TemporaryDirectory() as folder:
            for text in ("", "read web short\n", "write web 0123456789abcdef\n", "read a 0123456789abcdef\nread a fedcba9876543210\n"):
                path = Path(folder) / "keys.txt"
                path.write_text(text)
                result = valence("serve", "--port", "0", "--api-key-file", path)
                self.assertEqual(result.returncode, 2, text)
                self.assertNotIn(b"0123456789abcdef", result.stderr)

    def test_hosts_are_those_that_were_allowed(self):
        with Server("--allowed-hosts", "sentiment.example") as server:
            for host, expected in (("localhost", 200), ("127.0.0.1:1", 200), ("[::1]:1", 200), ("SENTIMENT.example:80", 200),
                                   ("attacker.example", 421), ("localhost.attacker.example", 421), ("", 421)):
                self.assertEqual(server.request("GET", "/health", headers={"Host": host})[0], expected, host)


class Ingest(unittest.TestCase):
    SECRET = "ingest-secret-0123456789"

    def sign(self, body, timestamp=None):
        signed = body if timestamp is None else f"{timestamp}.".encode() + body
        headers = {"X-Valence-Signature": "sha256=" + hmac.new(self.SECRET.encode(), signed, hashlib.sha256).hexdigest()}
        if timestamp is not None:
            headers["X-Valence-Timestamp"] = str(timestamp)
        return headers

    def test_signed_bodies_are_taken_once(self):
        with tempfile.TemporaryDirectory() as folder:
            secret = Path(folder) / "secret"
            secret.write_text(self.SECRET + "\n")
            with Server("--ingest-secret-file", secret, "--ingest-text-path", "data.reviews.0.body", "--ingest-text-path",
                        "forum=post") as server:
                body = json.dumps({"id": 17, "data": {"reviews": [{"body": "I love it"}]}}).encode()
                status, _, text = server.request("POST", "/v1/ingest?stream=shop", body, self.sign(body))
                reply = json.loads(text)
                self.assertEqual((status, reply["id"], reply["label"]), (202, "17", "positive"))
                self.assertEqual(server.request("POST", "/v1/ingest", body, self.sign(body))[0], 401)  # again
                now = int(time.time())
                self.assertEqual(server.request("POST", "/v1/ingest", body, self.sign(body, now))[0], 202)
                self.assertEqual(server.request("POST", "/v1/ingest", body, self.sign(body, now))[0], 401)
                self.assertEqual(server.request("POST", "/v1/ingest", body, self.sign(body, now - 301))[0], 401)
                self.assertEqual(server.request("POST", "/v1/ingest", body + b" ", self.sign(body, now + 1))[0], 401)
                self.assertEqual(server.request("POST", "/v1/ingest", body)[0], 401)
                other = json.dumps({"post": "I hate it"}).encode()
                status, _, text = server.request("POST", "/v1/ingest?stream=forum", other, self.sign(other))
                self.assertEqual((status, json.loads(text)["label"]), (202, "negative"))
                nowhere = b'{"other": 1}'
                self.assertEqual(server.request("POST", "/v1/ingest", nowhere, self.sign(nowhere))[0], 422)


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


class Overload(unittest.TestCase):
    def test_a_full_queue_refuses_with_429_and_when_to_come_again(self):
        with Server("--max-queue", "2") as server:
            text = "This is a long text about many things. " * 60

            def one(_):
                status, headers, _ = server.request("POST", "/v1/classify", {"texts": [text] * 64})
                return status, headers.get("retry-after")

            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                answers = list(pool.map(one, range(48)))
            self.assertEqual({status for status, _ in answers}, {200, 429})
            self.assertTrue(all(int(after) >= 1 for status, after in answers if status == 429))
            refused = sum(status == 429 for status, _ in answers)
            self.assertEqual(server.metric('valence_refused_requests_total'), refused)

    def busy(self, pool, server):
        """Requests that keep the compute thread busy for a while, and have begun to."""
        text = "This is a long text about many things. " * 60
        slow = [pool.submit(server.request, "POST", "/v1/classify", {"texts": [text] * 64}, timeout=200) for _ in range(4)]
        while server.metric("valence_requests_in_flight") < 4:
            pass
        return slow

    def test_a_deadline_that_passes_in_the_queue_is_a_504(self):
        with Server("--max-queue-delay-ms", "600000", "--request-timeout-ms", "200000") as server:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                slow = self.busy(pool, server)
                status, reply = server.classify("I love it", timeout_ms=1)
                self.assertEqual((status, reply.get("error_type", "")), (504, "DeadlineExceeded"))
                self.assertEqual({future.result()[0] for future in slow}, {200})

    def test_requests_of_clients_that_left_are_not_computed(self):
        with Server("--max-queue-delay-ms", "600000", "--request-timeout-ms", "200000") as server:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                slow = self.busy(pool, server)
                for _ in range(20):
                    with socket.create_connection(("127.0.0.1", server.port)) as connection:
                        connection.sendall(GOOD)
                for future in slow:
                    self.assertEqual(future.result()[0], 200)
            _, _, metrics = server.request("GET", "/metrics")
            gone = [line for line in metrics.decode().splitlines() if 'reason="client_gone"' in line]
            self.assertGreaterEqual(float(gone[0].rsplit(" ", 1)[1]), 19)


class Counters(unittest.TestCase):
    def test_counters_are_the_clients_own_count(self):
        with Server() as server:
            connection = server.connect()
            texts = 0
            for i in range(300):
                count = i % 3 + 1
                self.assertEqual(ask(connection, "POST", "/v1/classify", {"texts": ["I love it"] * count})[0], 200)
                texts += count
            for _ in range(50):
                self.assertEqual(ask(connection, "POST", "/predict", {"inputs": "I hate it"})[0], 200)
                self.assertEqual(ask(connection, "POST", "/predict", {"inputs": 5})[0], 422)
            connection.close()
            _, _, text = server.request("GET", "/metrics")
            lines = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
            self.assertEqual(lines['valence_requests_total{code="200",route="/v1/classify"}'], "300")
            self.assertEqual(lines['valence_requests_total{code="200",route="/predict"}'], "50")
            self.assertEqual(lines['valence_requests_total{code="422",route="/predict"}'], "50")
            positive = 'valence_texts_total{label="positive",model="default",task="text-classification"}'
            negative = positive.replace("positive", "negative")
            self.assertEqual((lines[positive], lines[negative]), (str(texts), "50"))
            self.assertEqual(server.metric("valence_request_duration_seconds_count") > 350, True)

    def test_both_expositions_are_well_formed(self):
        with Server() as server:
            server.classify("I love it")
            for accept, kind in (("*/*", "text/plain; version=0.0.4"), ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0")):
                _, headers, text = server.request("GET", "/metrics", headers={"Accept": accept})
                self.assertTrue(headers["content-type"].startswith(kind))
                families = [line.split()[2] for line in text.decode().splitlines() if line.startswith("# TYPE")]
                self.assertEqual(len(families), len(set(families)))
                self.assertEqual(text.decode().endswith("# EOF\n"), "openmetrics" in kind)


class Swap(unittest.TestCase):
    def test_models_are_swapped_under_load_without_a_failed_request(self):
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "model"
            write_tiny_model(model)
            with Server("-m", "default", "-m", f"tiny={model}") as server:
                stop = threading.Event()
                seen = []

                def load():
                    connection = server.connect()
                    while not stop.is_set():
                        status, headers, text = ask(connection, "POST", "/v1/classify", {"model": "tiny", "texts": ["good bad"] * 4})
                        reply = json.loads(text)
                        seen.append((status, headers.get("x-model-sha"), reply.get("model_version"),
                                     tuple(result.get("score") for result in reply.get("results", []))))
                    connection.close()

                threads = [threading.Thread(target=load) for _ in range(4)]
                for thread in threads:
                    thread.start()
                for i in range(10):
                    if i % 5 == 4:
                        (model / "config.json").rename(model / "config.away")
                        self.assertEqual(server.request("POST", "/v1/models/tiny/reload")[0], 424)
                        (model / "config.away").rename(model / "config.json")
                    else:
                        # By renaming: the file that is being read from stays as it is.
                        other = write_tiny_model(Path(folder) / "other", seed=i)
                        os.replace(other / "model.safetensors", model / "model.safetensors")
                        self.assertEqual(server.request("POST", "/v1/models/tiny/reload")[0], 200)
                server.process.send_signal(signal.SIGHUP)
                time.sleep(0.5)
                stop.set()
                for thread in threads:
                    thread.join()
            self.assertEqual({status for status, *_ in seen}, {200})
            by_version = {}
            for _, sha, version, scores in seen:
                self.assertEqual(sha, version)
                self.assertEqual(len(set(scores)), 1)  # all of one model
                self.assertEqual(by_version.setdefault(version, scores[0]), scores[0])
            self.assertGreater(len(by_version), 3)


class Drain(unittest.TestCase):
    def drain(self, sig, delay):
        with Server("--drain-delay-ms", str(delay)) as server:
            stop = threading.Event()
            answers, lost = [], []

            def load():
                while not stop.is_set():
                    connection = server.connect()
                    try:
                        while not stop.is_set():
                            connection.request("POST", "/v1/classify", '{"texts": ["I love it"]}', {"Content-Type": "application/json"})
                            reply = connection.getresponse()
                            reply.read()
                            answers.append(reply.status)
                            if reply.will_close:
                                break
                    except ConnectionRefusedError:
                        return
                    except (http.client.HTTPException, OSError) as error:
                        lost.append(error)
                    finally:
                        connection.close()

            threads = [threading.Thread(target=load) for _ in range(16)]
            for thread in threads:
                thread.start()
            time.sleep(0.3)
            begin = time.monotonic()
            server.process.send_signal(sig)
            code = server.process.wait(30)
            took = time.monotonic() - begin
            stop.set()
            for thread in threads:
                thread.join()
        return code, took, answers, lost

    def test_sigterm_under_load_loses_no_accepted_request(self):
        for _ in range(5):
            code, took, answers, lost = self.drain(signal.SIGTERM, 300)
            self.assertEqual(code, 0)
            self.assertLess(took, 10)
            self.assertGreater(len(answers), 20)
            self.assertLessEqual(set(answers), {200, 503})
            # Connections that were made, but not yet accepted when the server stopped listening, sent nothing that was
            # accepted: what they meet is a reset before any answer, or while they send.
            unaccepted = (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected)
            self.assertTrue(all(isinstance(error, unaccepted) for error in lost), lost)
            self.assertLessEqual(len(lost), 16)

    def test_readyz_says_so_at_once_while_requests_are_still_served(self):
        with Server("--drain-delay-ms", "1500") as server:
            server.process.send_signal(signal.SIGTERM)
            begin = time.monotonic()
            while server.request("GET", "/readyz")[0] != 503:
                self.assertLess(time.monotonic() - begin, 1)
            self.assertEqual(server.classify("I love it")[0], 200)
            self.assertEqual(server.request("GET", "/livez")[0], 200)
            self.assertEqual(server.process.wait(30), 0)

    def test_a_second_signal_ends_it_at_once(self):
        with Server("--drain-delay-ms", "20000") as server:
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            begin = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(10), 143)
            self.assertLess(time.monotonic() - begin, 1)


class Tls(unittest.TestCase):
    def test_https_with_tls_1_2_and_1_3_only(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = Path(folder) / "cert.pem", Path(folder) / "key.pem"
            made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                                   "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                                  capture_output=True, check=False)
            if made.returncode != 0:
                self.skipTest("openssl cannot make a certificate")
            with Server("--tls-cert", certificate, "--tls-key", key) as server:
                for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                    context = ssl.create_default_context(cafile=certificate)
                    context.minimum_version = context.maximum_version = version
                    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=20)
                    for _ in range(3):
                        self.assertEqual(ask(connection, "POST", "/v1/classify", {"texts": ["I love it"]})[0], 200)
                    connection.close()
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                context.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
                with self.assertRaises((ssl.SSLError, OSError)):
                    http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=20).connect()
                raw(server.port, b"GET / HTTP/1.1\r\n\r\n", timeout=5)  # plain HTTP: closed
            wrong = valence("serve", "--port", "0", "--tls-cert", key, "--tls-key", key)
            self.assertEqual(wrong.returncode, 2)


class Options(unittest.TestCase):
    def test_mistakes_are_usage_errors(self):
        for arguments in (("--port", "70000"), ("-m", "a=default", "-m", "a=default"), ("--tls-cert", "x.pem"),
                          ("--max-queue", "none"), ("--api-key-file", "/nonexistent"), ("--threads", "0")):
            result = valence("serve", *arguments)
            self.assertIn(result.returncode, (2, 3), arguments)
            self.assertIn(b"error:", result.stderr)

    def test_a_missing_model_is_told(self):
        result = valence("serve", "--port", "0", "-m", "./nowhere")
        self.assertEqual(result.returncode, 3)
        self.assertIn(b"nowhere", result.stderr)

    def test_a_port_in_use_is_told(self):
        with Server() as server:
            result = valence("serve", "--port", server.port)
            self.assertEqual(result.returncode, 2)
            self.assertIn(b"--port", result.stderr)

    def test_settings_come_from_the_environment(self):
        with tempfile.TemporaryDirectory() as folder:
            path = key_file(folder)
            os.environ["VALENCE_SERVE_API_KEY_FILE"] = str(path)
            try:
                with Server() as server:
                    self.assertEqual(server.request("GET", "/v1/models")[0], 401)
            finally:
                del os.environ["VALENCE_SERVE_API_KEY_FILE"]


if __name__ == "__main__":
    unittest.main()
