"""Serves the dashboard's bundle and docs/http-api.md to a browser under test, with the headers of the real server.

    python3 tests/web/dashboard_server.py [--port 8081] [--text-policy hash] [--api-key KEY --admin-key KEY] [--hostile]

POST /control changes what the next answers are: {"events": false}, {"history": "delayed"}, {"alerts": false}, {"fail": {"/v1/words": 503}},
{"text_policy": "hash"}, {"alert": {...}}, {"record": {...}}, {"drop": true} (ends the event streams).
"""

import argparse
import hashlib
import http.server
import json
import pathlib
import queue
import sys
import threading
import time
import urllib.parse

from dashboard_data import DashboardData, Refused

DIST = pathlib.Path(__file__).resolve().parents[2] / "web" / "dist"

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
                               "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
API_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/assets/dashboard.js": ("assets/dashboard.js", "text/javascript; charset=utf-8"),
    "/assets/dashboard.css": ("assets/dashboard.css", "text/css; charset=utf-8"),
    "/assets/favicon.svg": ("assets/favicon.svg", "image/svg+xml"),
}
NUMBERS = {"from": int, "to": int, "limit": int, "min_score": float, "max_score": float}
KNOWN = {
    "/v1/history": {"from", "to", "label", "stream", "channel", "q", "min_score", "max_score", "corrected", "cursor", "limit"},
    "/v1/trend": {"from", "to", "bucket", "stream", "channel", "by"},
    "/v1/streams": {"from", "to"},
    "/v1/words": {"label", "from", "to", "stream", "channel", "limit"},
    "/v1/feedback/queue": {"from", "to", "stream", "limit"},
    "/v1/events": {"stream"},
}
ADMIN = {("POST", "/v1/silences"), ("DELETE", "/v1/silences")}

OPENAPI = {
    "openapi": "3.1.0", "info": {"title": "valence", "version": "0.1.0"},
    "paths": {
        "/v1/classify": {"post": {"summary": "Classify texts", "requestBody": {"content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Classify"}}}}}},
        "/v1/trend": {"get": {"summary": "Labels by time", "parameters": [
            {"name": "bucket", "in": "query", "required": False, "description": "minute, hour, day, week or month", "example": "month"}]}},
        "/v1/silences/{id}": {"delete": {"summary": "End a silence", "parameters": [{"name": "id", "in": "path", "required": True}]}},
        "/v1/events": {"get": {"summary": "What happens now"}},
    },
    "components": {"schemas": {"Classify": {"type": "object", "example": {"texts": ["I love it"], "top_k": "all"}}}},
}


class DashboardServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, data, read_key="", admin_key="", live_seconds=0.4):
        super().__init__(address, Handler)
        self.data = data
        self.lock = threading.Lock()
        self.keys = {read_key: "read", admin_key: "admin"} if read_key or admin_key else {}
        self.live_seconds = live_seconds
        self.listeners = {}  # queue: stream or None
        self.events_on = True
        self.failing = {}
        self.event_serial = 0
        self.requests_seen = []
        threading.Thread(target=self._live, daemon=True).start()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a browser that closes is no error
            super().handle_error(request, client_address)

    def publish(self, kind, data):
        with self.lock:
            self.event_serial += 1
            name = f"id: test-{self.event_serial}\n" if kind != "stats" else ""
            block = f"{name}event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
            for listener, stream in self.listeners.items():
                if kind != "record" or stream is None or data["stream"] == stream:
                    listener.put(block)

    def _live(self):
        last_stats = 0.0
        while True:
            time.sleep(self.live_seconds or 0.2)
            now_ms = int(time.time() * 1000)
            if self.live_seconds:
                with self.lock:
                    record = self.data.shown(self.data.make_live(now_ms))
                self.publish("record", record)
            if time.monotonic() - last_stats > 1:
                last_stats = time.monotonic()
                self.publish("stats", self.data.stats(now_ms))

    def control(self, body):
        with self.lock:
            if "events" in body:
                self.events_on = body["events"]
            if "fail" in body:
                self.failing = body["fail"]
            if "history" in body:
                self.data.history_state = body["history"]
            if "alerts" in body:
                self.data.alerts_enabled = body["alerts"]
            if "text_policy" in body:
                self.data.text_policy = body["text_policy"]
            if "empty" in body:
                self.data.records = []
            if body.get("drop"):
                for listener in self.listeners:
                    listener.put(None)
        for kind in ("alert", "record", "gap"):
            if kind in body:
                self.publish(kind, body[kind])
        return {"feedback": self.data.feedback, "silences": self.data.silences, "listeners": len(self.listeners)}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "valence-test"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.answer_request("GET")

    def do_POST(self):
        self.answer_request("POST")

    def do_DELETE(self):
        self.answer_request("DELETE")

    def send_bytes(self, status, content_type, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if content_type:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, status, value):
        self.send_bytes(status, "application/json", json.dumps(value).encode(), API_HEADERS)

    def send_problem(self, status, error, error_type="Validation", hint=""):
        self.send_json(status, {"error": error, "error_type": error_type, "request_id": "01REQUEST", "hint": hint})

    def answer_request(self, method):
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if method == "GET" and url.path in FILES:
                return self.send_file(url.path)
            if url.path == "/control":
                return self.send_json(200, self.server.control(json.loads(body)))
            level = self.level_of()
            if level is None:
                return
            if url.path in self.server.failing:
                return self.send_problem(self.server.failing[url.path], "this failed because the test asked for it", "Unhealthy", "try again")
            return self.route(method, url, body, level)
        except Refused as refused:
            return self.send_problem(refused.status, refused.error, refused.error_type, refused.hint)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def level_of(self):
        """What the caller may do; None when it has been refused."""
        if not self.server.keys:
            return "admin"
        key = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if not key:
            self.send_problem(401, "an API key is needed", "Unauthorized", "send it as Authorization: Bearer KEY")
            return None
        if key not in self.server.keys:
            self.send_problem(401, "the API key is not known", "Unauthorized")
            return None
        return self.server.keys[key]

    def send_file(self, path):
        name, content_type = FILES[path]
        body = (DIST / name).read_bytes()
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {**PAGE_HEADERS, "Cache-Control": "no-cache", "ETag": tag}
        if path == "/":
            headers["Vary"] = "Accept"
        if self.headers.get("If-None-Match") == tag:
            return self.send_bytes(304, "", b"", headers)
        return self.send_bytes(200, content_type, body, headers)

    def asked(self, url):
        known = KNOWN.get(url.path, set())
        asked = {}
        for name, value in urllib.parse.parse_qsl(url.query, keep_blank_values=True):
            if name not in known or name in asked:
                raise Refused(400, f"{name}: not a parameter of {url.path}, or given twice", "BadRequest")
            if name == "corrected":
                asked[name] = value == "true"
            else:
                try:
                    asked[name] = NUMBERS.get(name, str)(value)
                except ValueError:
                    raise Refused(400, f"{name}: expected a number", "BadRequest") from None
        return asked

    def route(self, method, url, body, level):
        server, data = self.server, self.server.data
        now_ms = int(time.time() * 1000)
        place = "/v1/silences" if url.path.startswith("/v1/silences/") else url.path
        if (method, place) in ADMIN and level != "admin":
            raise Refused(403, "the API key may read only", "Forbidden", "use a key of an `admin` line")
        if method == "POST" and self.headers.get("Content-Type") != "application/json":
            raise Refused(415, "expected application/json", "UnsupportedMediaType")
        if (method, url.path) == ("GET", "/v1/events"):
            return self.send_events(self.asked(url))
        with server.lock:
            asked = self.asked(url)
            routes = {
                ("GET", "/v1/status"): lambda: data.status(now_ms, bool(server.keys), level),
                ("GET", "/v1/history"): lambda: data.history(asked),
                ("GET", "/v1/trend"): lambda: data.trend(asked),
                ("GET", "/v1/streams"): lambda: data.streams(asked),
                ("GET", "/v1/words"): lambda: data.words(asked),
                ("GET", "/v1/alerts"): lambda: data.alerts(now_ms),
                ("GET", "/v1/silences"): lambda: {"silences": data.silences},
                ("GET", "/v1/feedback/queue"): lambda: data.feedback_queue(asked),
                ("GET", "/openapi.json"): lambda: OPENAPI,
                ("POST", "/v1/classify"): lambda: data.classify(json.loads(body)),
            }
            created = {
                ("POST", "/v1/silences"): lambda: data.add_silence(json.loads(body), now_ms),
                ("POST", "/v1/feedback"): lambda: data.add_feedback(json.loads(body), now_ms),
            }
            if (method, url.path) in created:
                status, value = 201, created[method, url.path]()
            elif method == "DELETE" and place == "/v1/silences":
                data.end_silence(urllib.parse.unquote(url.path.removeprefix("/v1/silences/")))
                return self.send_bytes(204, "", b"", API_HEADERS)
            elif (method, url.path) in routes:
                status, value = 200, routes[method, url.path]()
            else:
                raise Refused(404, "no such route", "NotFound")
        return self.send_json(status, value)

    def send_events(self, asked):
        server = self.server
        if not server.events_on:
            self.close_connection = True
            return
        listener = queue.Queue()
        self.send_response(200)
        for name, value in API_HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(b"retry: 1000\n\n")
        stats = server.data.stats(int(time.time() * 1000))
        self.wfile.write(f"event: stats\ndata: {json.dumps(stats)}\n\n".encode())
        with server.lock:
            server.listeners[listener] = asked.get("stream")
        try:
            while (block := listener.get()) is not None:
                self.wfile.write(block)
        finally:
            with server.lock:
                del server.listeners[listener]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--text-policy", choices=["none", "hash", "full"], default="full")
    parser.add_argument("--api-key", default="")
    parser.add_argument("--admin-key", default="")
    parser.add_argument("--hostile", action="store_true", help="records whose every string is an attack")
    parser.add_argument("--quiet-feed", action="store_true", help="no live records but those of /control")
    arguments = parser.parse_args()
    data = DashboardData(text_policy=arguments.text_policy, hostile=arguments.hostile)
    server = DashboardServer(("127.0.0.1", arguments.port), data, arguments.api_key, arguments.admin_key,
                             0 if arguments.quiet_feed else 0.4)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
