"""What /metrics of `valence serve` says, against what its clients have counted."""
import collections
import hashlib
import hmac
import json
import random
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from load_client import LoadClient
from serve_support import ADMIN_KEY, HOST, READ_KEY, Server, key_file, raw, statuses

REQUESTS = 10_000
CLIENTS = 32
QUEUE = 8  # fewer than CLIENTS, so that some are refused
SECRET = "ingest-secret-0123456789"

LOVE, HATE, CHAIR, EMPTY, LONG = "I love it", "I hate it", "It is a chair.", "", "word " * 600


class Kind:
    """A sort of request: its bytes, and what the server is to count when the answer has `counted_status`."""

    def __init__(self, weight, route, make, texts=(), counted_status=200, **counts):
        self.weight = weight
        self.route = route
        self.make = make  # number of the request -> bytes
        self.texts = texts
        self.counted_status = counted_status
        self.counts = counts


def request(method, path, body=None, key=READ_KEY, host=HOST, **headers):
    """Bytes of a request; `body` is bytes, or what becomes JSON."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1\r\n".encode(), host]
    if key:
        lines.append(f"Authorization: Bearer {key}\r\n".encode())
    if body is not None:
        headers = {"Content-Type": "application/json", "Content-Length": len(body), **headers}
    lines += [f"{name}: {value}\r\n".encode() for name, value in headers.items()]
    return b"".join(lines) + b"\r\n" + (body or b"")


def fixed(*arguments, **options):
    made = request(*arguments, **options)
    return lambda number: made


def native(texts, **members):
    return fixed("POST", "/v1/classify", {"texts": list(texts), **members})


def signed(number):
    body = json.dumps({"text": LOVE, "number": number}).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return request("POST", "/v1/ingest?stream=shop", body, X_Valence_Signature="sha256=" + signature)


def kserve(texts):
    return {"inputs": [{"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}]}


INFER = "/v2/models/{}/infer"
KINDS = [
    Kind(30, "/v1/classify", native([LOVE]), [LOVE]),
    Kind(10, "/v1/classify", native([LOVE, HATE, CHAIR]), [LOVE, HATE, CHAIR]),
    Kind(4, "/v1/classify", native([LOVE, EMPTY, HATE]), [LOVE, EMPTY, HATE]),
    Kind(2, "/v1/classify", native([LONG]), [LONG]),
    Kind(4, "/v1/classify", native([LOVE, HATE], threshold=1), [LOVE, HATE], uncertain=True),
    Kind(2, "/v1/classify", native([LOVE], timeout_ms=1), [LOVE]),
    Kind(3, "/v1/classify", native([])),
    Kind(3, "/v1/classify", native(["x"] * 300)),
    Kind(3, "/v1/classify", native([LOVE], model="nobody")),
    Kind(3, "/v1/classify", native([LOVE], top_k=-1)),
    Kind(3, "/v1/classify", fixed("POST", "/v1/classify", b'{"texts": ["\xff"]}')),
    Kind(3, "/v1/classify", fixed("POST", "/v1/classify", b"{")),
    Kind(3, "/v1/classify", fixed("POST", "/v1/classify", b"a=b", Content_Type="text/plain")),
    Kind(3, "/v1/classify", fixed("POST", "/v1/classify")),  # 411
    Kind(3, "/v1/classify", fixed("POST", "/v1/classify", {"texts": [LOVE]}, key=None)),
    Kind(3, "/v1/classify", fixed("POST", "/v1/classify", {"texts": [LOVE]}, host=b"Host: attacker.example\r\n")),
    Kind(6, "/predict", fixed("POST", "/predict", {"inputs": HATE}), [HATE]),
    Kind(2, "/predict", fixed("POST", "/predict", {"inputs": 5})),
    Kind(6, "/classify", fixed("POST", "/classify", {"input": [LOVE, HATE]}), [LOVE, HATE]),
    Kind(2, "/classify", fixed("POST", "/classify", {"input": [LOVE], "softmax": True})),
    Kind(6, "/", fixed("POST", "/", {"inputs": LOVE}), [LOVE]),
    Kind(4, "/models/{...}", fixed("POST", "/models/default", {"inputs": [LOVE, CHAIR]}), [LOVE, CHAIR]),
    Kind(6, INFER, fixed("POST", "/v2/models/default/infer", kserve([HATE, LOVE])), [HATE, LOVE]),
    Kind(2, INFER, fixed("POST", "/v2/models/default/infer", {"inputs": []})),
    Kind(4, "/v1/ingest", signed, [LOVE], counted_status=202),
    Kind(2, "/v1/ingest", fixed("POST", "/v1/ingest", {"text": LOVE}, X_Valence_Signature="sha256=00")),
    Kind(2, "/v1/feedback", fixed("POST", "/v1/feedback", {"text": "It is dear", "label": "negative"}), counted_status=201,
         corrections=1),
    Kind(2, "/v1/feedback", fixed("POST", "/v1/feedback", {"id": "nobody", "label": "negative"})),
    Kind(2, "/v1/models/{}/reload", fixed("POST", "/v1/models/default/reload")),  # 403
    Kind(4, "/health", fixed("GET", "/health")),
    Kind(2, "/info", fixed("GET", "/info")),
    Kind(2, "/v1/models", fixed("GET", "/v1/models")),
    Kind(2, "/metrics", fixed("GET", "/metrics")),
    Kind(2, "none", fixed("GET", "/nothing")),
    Kind(2, "none", fixed("DELETE", "/health")),
    Kind(1, "none", fixed("GET", "/" + "a" * 20_000), counted_status=431, no_http=1),
    Kind(1, "none", fixed("GET", "/", Transfer_Encoding="chunked", Content_Length="5"), counted_status=400, no_http=1),
]


def samples(exposition):
    """(name, its labels) -> value."""
    found = {}
    for line in exposition.decode().splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
        found[name, tuple(sorted(re.findall(r'(\w+)="([^"]*)"', labels or "")))] = float(value)
    return found


class Counters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        secret = Path(cls.folder.name) / "secret"
        secret.write_text(SECRET + "\n")
        cls.server = Server("--max-queue", QUEUE, "--api-key-file", key_file(cls.folder.name), "--ingest-secret-file",
                            secret).__enter__()
        cls.expected = collections.Counter()
        cls.sent = cls.received = 0

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.folder.cleanup()

    def count(self, name, amount=1, **labels):
        self.expected[name, tuple(sorted(labels.items()))] += amount

    def count_request(self, route, status):
        self.count("valence_requests_total", route=route, code=str(status))
        self.count("valence_request_duration_seconds_count", route=route)

    def count_texts(self, texts, uncertain=False):
        of_model, of_task = {"model": "default"}, {"model": "default", "task": "text-classification"}
        self.count("valence_stage_duration_seconds_count", stage="queue")
        for text in texts:
            if not text:
                self.count("valence_text_errors_total", **of_model)
                continue
            label, tokens, truncated = self.known[text]
            self.count("valence_texts_total", label="uncertain" if uncertain else label, **of_task)
            self.count("valence_confidence_ratio_count", **of_task)
            self.count("valence_abstained_total", uncertain, **of_model)
            self.count("valence_truncated_total", truncated, **of_model)
            self.count("valence_tokens_total", tokens, **of_model)

    def raw(self, data, **options):
        """As raw(), and counted."""
        answer = raw(self.server.port, data, **options)
        self.sent += len(data)
        self.received += len(answer)
        return answer

    def look_at_texts(self):
        """Each text alone; nothing of what is asked later is taken from a later answer."""
        self.known = {}
        for text in (LOVE, HATE, CHAIR, LONG):
            answer = self.raw(request("POST", "/v1/classify", {"texts": [text]}, Connection="close"))
            result = json.loads(answer.partition(b"\r\n\r\n")[2])["results"][0]
            self.known[text] = (result["label"], result["tokens"], result["truncated"])
            self.count_request("/v1/classify", 200)
            self.count_texts([text])

    def drip(self):
        """A client that is cut off because it is slow."""
        head = b"GET /hea"
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as connection:
            connection.sendall(head)
            self.drip_answer = b""
            while piece := connection.recv(65536):
                self.drip_answer += piece
        self.drip_sent = len(head)

    def send_all(self):
        generator = random.Random(10)
        kinds = generator.choices(KINDS, [kind.weight for kind in KINDS], k=REQUESTS)
        with LoadClient(self.server.port, [kind.make(number) for number, kind in enumerate(kinds)]) as client:
            answers = client.each_once(CLIENTS)
            self.sent += client.bytes_sent
            self.received += client.bytes_received
        self.assertEqual(len(answers), REQUESTS)
        for answer in answers:
            kind = kinds[answer.request]
            self.count_request(kind.route, answer.status)
            if answer.status == 429:
                self.count("valence_refused_requests_total", reason="overloaded")
            elif answer.status == 504:
                self.count("valence_refused_requests_total", reason="expired")
            if answer.status != kind.counted_status:
                continue
            if kind.texts:
                self.count_texts(kind.texts, "uncertain" in kind.counts)
            self.count("valence_connections_closed_total", kind.counts.get("no_http", 0), reason="no_http")
            if "corrections" in kind.counts:
                self.corrections += 1
        seen = {answer.status for answer in answers}
        self.assertGreaterEqual(seen, {200, 201, 202, 400, 401, 403, 404, 405, 411, 413, 415, 421, 422, 429, 431})

    def send_one_by_one(self):
        """What has no Content-Length in its answer, or takes long."""
        line = json.dumps(LOVE).encode() + b"\n"
        answer = self.raw(request("POST", "/v1/classify", line, Content_Type="application/x-ndjson", Connection="close"))
        self.assertEqual(statuses(answer), [200])
        self.count_request("/v1/classify", 200)
        self.count_texts([LOVE])
        answer = self.raw(request("POST", "/v1/models/default/reload", key=ADMIN_KEY, Connection="close"))
        self.assertEqual(statuses(answer), [200])
        self.count_request("/v1/models/{}/reload", 200)
        self.count("valence_model_loads_total", 2, model="default", outcome="ok")  # the first when it began

    def test_every_counter_is_the_clients_own_count_after_10000_requests(self):
        self.corrections = 0
        slow = threading.Thread(target=self.drip)
        slow.start()
        self.look_at_texts()
        self.send_all()
        self.send_one_by_one()
        slow.join()
        self.sent += self.drip_sent
        self.received += len(self.drip_answer)
        self.assertEqual(statuses(self.drip_answer), [408])
        self.count_request("none", 408)
        self.count("valence_connections_closed_total", reason="too_slow")

        scrape = request("GET", "/metrics", Connection="close")
        exposition = raw(self.server.port, scrape).partition(b"\r\n\r\n")[2]
        found = samples(exposition)
        self.count("valence_request_bytes_total", self.sent + len(scrape))
        self.count("valence_reply_bytes_total", self.received)
        self.count("valence_sink_errors_total", 0)
        # Of batches and of the clock a client knows nothing but what they add up to.
        own = {(name, labels): value for (name, labels), value in found.items() if name.endswith(("_total", "_count"))}
        batches = own.pop(("valence_batch_texts_count", (("model", "default"),)))
        self.assertEqual(own.pop(("valence_batch_tokens_count", (("model", "default"),))), batches)
        for stage in ("tokenize", "infer", "post"):
            self.assertEqual(own.pop(("valence_stage_duration_seconds_count", (("stage", stage),))), batches)
        self.assertLess(own.pop(("valence_compute_cpu_seconds_total", (("model", "default"),))),
                        own.pop(("process_cpu_seconds_total", ())))
        corrections = {key: value for key, value in own.items() if key[0] == "valence_corrections_total"}
        self.assertEqual(sum(corrections.values()), self.corrections)
        counted = {key: value for key, value in own.items() if value != 0 and key not in corrections}
        self.assertEqual(counted, {key: value for key, value in self.expected.items() if value != 0})
        tokens = self.expected["valence_tokens_total", (("model", "default"),)]
        self.assertEqual(found["valence_batch_tokens_sum", (("model", "default"),)], tokens)


class Exposition(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().__enter__()
        cls.server.classify(LOVE, stream='a "quoted"\\ stream')

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def test_both_expositions_are_well_formed(self):
        for accept, kind in (("*/*", "text/plain; version=0.0.4"),
                             ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0")):
            _, headers, text = self.server.request("GET", "/metrics", headers={"Accept": accept})
            self.assertTrue(headers["content-type"].startswith(kind))
            families = [line.split()[2] for line in text.decode().splitlines() if line.startswith("# TYPE")]
            self.assertEqual(len(families), len(set(families)))
            self.assertEqual(text.decode().endswith("# EOF\n"), "openmetrics" in kind)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not here: apt-get install prometheus")
    def test_promtool_finds_nothing_wrong(self):
        _, _, text = self.server.request("GET", "/metrics")
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, b"", b""))


if __name__ == "__main__":
    unittest.main()
