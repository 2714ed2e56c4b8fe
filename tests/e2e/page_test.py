"""What a browser gets from `valence serve`: the files of web/dist with the headers of docs/http-api.md."""
import os
import tempfile
import unittest
from pathlib import Path

from serve_support import Server, ask, key_file

DIST = Path(os.environ.get("VALENCE_SOURCE_DIR", Path(__file__).parents[2])) / "web/dist"
# docs/http-api.md, "The page and its files".
FILES = {"/": ("index.html", "text/html; charset=utf-8"),
         "/assets/dashboard.js": ("assets/dashboard.js", "text/javascript; charset=utf-8"),
         "/assets/dashboard.css": ("assets/dashboard.css", "text/css; charset=utf-8"),
         "/assets/favicon.svg": ("assets/favicon.svg", "image/svg+xml")}
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
                               "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--no-history").__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def test_files_are_those_of_the_bundle_with_the_headers_of_the_document(self):
        for path, (name, content_type) in FILES.items():
            with self.subTest(path=path):
                status, headers, body = self.server.request("GET", path, headers=BROWSER)
                self.assertEqual((status, headers["content-type"]), (200, content_type))
                self.assertEqual(body, (DIST / name).read_bytes())
                self.assertEqual({key: headers.get(key) for key in HEADERS}, HEADERS)
                self.assertRegex(headers["etag"], r'^"[0-9a-f]{32}"$')
                self.assertEqual(headers.get("vary"), "Accept" if path == "/" else None)

    def test_each_header_stands_once(self):
        connection = self.server.connect()
        connection.request("GET", "/assets/dashboard.js")
        reply = connection.getresponse()
        reply.read()
        names = [name.lower() for name, _ in reply.getheaders()]
        self.assertEqual(len(names), len(set(names)), names)
        connection.close()

    def test_a_browser_that_has_the_file_gets_304_without_it(self):
        for path in FILES:
            _, headers, _ = self.server.request("GET", path, headers=BROWSER)
            tag = headers["etag"]
            for sent, expected in ((tag, 304), (f"W/{tag}", 304), (f'"other", {tag}', 304), ("*", 304), ('"other"', 200),
                                   (tag.strip('"'), 200)):
                with self.subTest(path=path, sent=sent):
                    status, again, body = self.server.request("GET", path, headers={**BROWSER, "If-None-Match": sent})
                    self.assertEqual((status, again["etag"], body == b""), (expected, tag, expected == 304))
                    self.assertEqual("content-length" in again, expected == 200)

    def test_a_connection_goes_on_after_304_and_head(self):
        connection = self.server.connect()
        _, headers, body = ask(connection, "GET", "/assets/favicon.svg")
        self.assertEqual(ask(connection, "GET", "/assets/favicon.svg", headers={"If-None-Match": headers["etag"]})[0], 304)
        status, head, nothing = ask(connection, "HEAD", "/assets/favicon.svg")
        self.assertEqual((status, int(head["content-length"]), nothing), (200, len(body), b""))
        self.assertEqual(ask(connection, "GET", "/assets/favicon.svg")[2], body)
        connection.close()

    def test_programs_still_find_their_health_check_at_the_root(self):
        for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
            status, reply, body = self.server.request("GET", "/", headers=headers)
            self.assertEqual((status, body, "content-type" in reply), (200, b"", False))

    def test_what_is_not_in_the_bundle_is_not_there(self):
        for path in ("/assets/", "/assets/dashboard.map", "/assets/..%2fconfig.toml", "/index.html"):
            self.assertEqual(self.server.request("GET", path)[0], 404, path)

    def test_the_page_needs_no_key_and_what_it_asks_for_does(self):
        with tempfile.TemporaryDirectory() as folder, Server("--api-key-file", key_file(folder)) as server:
            for path in FILES:
                self.assertEqual(server.request("GET", path, headers=BROWSER)[0], 200, path)
            for path in ("/v1/history", "/v1/trend", "/v1/alerts", "/v1/events"):
                self.assertEqual(server.request("GET", path)[0], 401, path)


if __name__ == "__main__":
    unittest.main()
