"""Every operation of docs/openapi.json is there, and answers with a status that the document names."""
import json
import os
import re
import unittest
from pathlib import Path

from serve_support import Server

DOCUMENT = Path(os.environ.get("VALENCE_SOURCE_DIR", Path(__file__).parents[2])) / "docs/openapi.json"
METHODS = {"get", "post", "put", "delete", "patch"}


class OpenApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().__enter__()
        cls.document = json.loads(DOCUMENT.read_text())

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def resolve(self, value):
        while "$ref" in value:
            target = self.document
            for step in value["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            value = target
        return value

    def operations(self):
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                self.assertIn(method, METHODS)
                yield path, method, operation

    def test_the_server_gives_the_committed_document(self):
        status, served = self.server.json("GET", "/openapi.json")
        self.assertEqual((status, served), (200, self.document))

    def test_every_operation_answers_as_the_document_says(self):
        for path, method, operation in self.operations():
            if path == "/v1/events":  # does not end; serve_history_test.py
                continue
            with self.subTest(path=path, method=method):
                filled = re.sub(r"\{(model|name|id)\}", "default", path).replace("{version}", "1")
                body = {} if "requestBody" in operation else None
                status, headers, text = self.server.request(method.upper(), filled, body)
                self.assertIn(str(status), operation["responses"], text)
                self.assertNotIn(b"there is nothing at this path", text)
                documented = self.resolve(operation["responses"][str(status)]).get("content", {})
                if text and documented:
                    self.assertIn(headers["content-type"].split(";")[0], documented)

    def test_references_resolve_and_path_parameters_are_declared(self):
        def walk(value):
            if isinstance(value, dict):
                if "$ref" in value:
                    self.resolve(value)
                for member in value.values():
                    walk(member)
            elif isinstance(value, list):
                for member in value:
                    walk(member)

        walk(self.document)
        for path, method, operation in self.operations():
            declared = {self.resolve(parameter)["name"] for parameter in operation.get("parameters", [])
                        if self.resolve(parameter)["in"] == "path"}
            self.assertEqual(declared, set(re.findall(r"\{(\w+)\}", path)), f"{method} {path}")
            self.assertTrue(operation["summary"])

    def test_pages_load_nothing_from_elsewhere(self):
        for path in ("/docs", "/docs.js", "/docs.css", "/"):
            _, headers, text = self.server.request("GET", path, headers={"Accept": "text/html"})
            self.assertNotRegex(text.decode(), r"(https?:)?//[a-z]")
            self.assertNotIn("innerHTML", text.decode())
            self.assertIn("script-src 'self'", headers["content-security-policy"])
            self.assertNotIn("unsafe", headers["content-security-policy"])


if __name__ == "__main__":
    unittest.main()
