"""Who may ask `valence serve`: keys, hosts, signatures, TLS, and the options that say so."""
import hashlib
import hmac
import http.client
import json
import os
import ssl
import tempfile
import time
import unittest
from pathlib import Path

from serve_support import ADMIN_KEY, READ_KEY, Server, ask, certificate_files, key_file, raw
from support import valence


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
                self.assertEqual((status, reply["id"], reply["label"]), (202, "shop/17", "positive"))
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

    def test_a_signed_body_that_was_not_taken_may_come_again(self):
        with tempfile.TemporaryDirectory() as folder:
            secret = Path(folder) / "secret"
            secret.write_text(self.SECRET + "\n")
            with Server("--ingest-secret-file", secret) as server:
                body = b'{"text": "I love it"}'
                signed = self.sign(body, int(time.time()))
                for path, status in (("/v1/ingest?model=nobody", 404), ("/v1/ingest?stream=%ff", 400), ("/v1/ingest", 202),
                                     ("/v1/ingest", 401)):
                    self.assertEqual(server.request("POST", path, body, signed)[0], status, path)
                empty = b'{"text": " "}'
                for _ in range(2):
                    self.assertEqual(server.request("POST", "/v1/ingest", empty, self.sign(empty))[0], 400)


class Tls(unittest.TestCase):
    def test_https_with_tls_1_2_and_1_3_only(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = certificate_files(folder)
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
