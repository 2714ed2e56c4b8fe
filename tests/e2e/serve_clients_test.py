"""Programs that were written for other servers, as their users write them, against `valence serve`."""
import contextlib
import json
import os
import tempfile
import unittest
import urllib.request

from serve_support import READ_KEY, Server, key_file
from support import has

LOVE, HATE = "I love it", "I hate it"

# Their clients must find no way out, were they to look for one.
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


class WithServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cleanup = contextlib.ExitStack()
        cls.addClassCleanup(cls.cleanup.close)
        folder = cls.cleanup.enter_context(tempfile.TemporaryDirectory())
        cls.server = cls.cleanup.enter_context(Server("--api-key-file", key_file(folder)))
        cls.url = f"http://127.0.0.1:{cls.server.port}"
        headers = {"Authorization": f"Bearer {READ_KEY}"}
        _, _, body = cls.server.request("POST", "/v1/classify", {"texts": [LOVE, HATE], "top_k": "all"}, headers)
        cls.results = {text: {score["label"]: score["score"] for score in result["scores"]}
                       for text, result in zip((LOVE, HATE), json.loads(body)["results"])}

    def assert_scores(self, found, text, count=None):
        """`found`: label -> score, the first `count` of the ranking."""
        expected = dict(sorted(self.results[text].items(), key=lambda item: -item[1])[:count])
        self.assertEqual(list(found), list(expected))
        for label, score in expected.items():
            self.assertAlmostEqual(found[label], score, places=6)


@unittest.skipUnless(has("huggingface_hub"), "huggingface_hub is not installed")
class HuggingFace(WithServer):
    def classify(self, text, model=None, token=READ_KEY, **options):
        from huggingface_hub import InferenceClient
        return InferenceClient(model=model or self.url, token=token).text_classification(text, **options)

    def test_a_base_url_classifies(self):
        found = self.classify(LOVE)
        self.assert_scores({element.label: element.score for element in found}, LOVE)

    def test_the_route_of_a_model_classifies(self):
        for route in ("/models/default", ""):
            found = self.classify(HATE, model=self.url + route, top_k=2)
            self.assert_scores({element.label: element.score for element in found}, HATE, 2)

    def test_functions_are_applied(self):
        found = {element.label: element.score for element in self.classify(LOVE, function_to_apply="sigmoid")}
        self.assertGreater(sum(found.values()), 1.0001)
        self.assertTrue(all(0 < score < 1 for score in found.values()))
        self.assert_scores({element.label: element.score for element in self.classify(LOVE, function_to_apply="softmax")}, LOVE)

    def test_errors_are_theirs(self):
        from huggingface_hub.errors import HfHubHTTPError
        for options, status in (({"token": "wrong-key-0123456789"}, 401), ({"model": self.url + "/models/nobody"}, 404),
                                ({"text": "a" * 1_500_000}, 413)):
            with self.assertRaises(HfHubHTTPError) as caught:
                self.classify(**{"text": LOVE, **options})
            self.assertEqual(caught.exception.response.status_code, status)

    def test_the_asynchronous_client_classifies(self):
        import asyncio

        from huggingface_hub import AsyncInferenceClient

        async def classify():
            async with AsyncInferenceClient(model=self.url, token=READ_KEY) as client:
                return await asyncio.gather(*(client.text_classification(text) for text in (LOVE, HATE) * 4))

        for text, found in zip((LOVE, HATE) * 4, asyncio.run(classify())):
            self.assert_scores({element.label: element.score for element in found}, text)


@unittest.skipUnless(has("openai"), "openai is not installed")
class OpenAi(WithServer):
    def client(self, key=READ_KEY):
        import openai
        return openai.OpenAI(base_url=self.url + "/v1", api_key=key, max_retries=0)

    def test_models_are_listed_and_found(self):
        client = self.client()
        self.assertEqual([model.id for model in client.models.list()], ["default"])
        self.assertEqual(client.models.retrieve("default").id, "default")

    def test_errors_are_theirs(self):
        import openai
        with self.assertRaises(openai.AuthenticationError):
            self.client("wrong-key-0123456789").models.list()
        with self.assertRaises(openai.NotFoundError):
            self.client().models.retrieve("nobody")

    def test_the_classification_of_vllm_is_asked_through_it(self):
        import openai
        client = self.client()
        reply = client.post(self.url + "/classify", cast_to=object, body={"model": "default", "input": [LOVE, HATE]})
        self.assertEqual([row["label"] for row in reply["data"]], ["positive", "negative"])
        with self.assertRaisesRegex(openai.BadRequestError, "softmax"):
            client.post(self.url + "/classify", cast_to=object, body={"input": LOVE, "softmax": True})


class TextEmbeddingsInference(WithServer):
    """Its users post JSON, as its README does with curl."""

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(),
                                         {"Content-Type": "application/json", "Authorization": f"Bearer {READ_KEY}"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.headers, json.load(reply)

    def test_texts_are_predicted(self):
        headers, found = self.post("/predict", {"inputs": LOVE})
        self.assert_scores({entry["label"]: entry["score"] for entry in found}, LOVE)
        self.assertGreaterEqual(int(headers["x-inference-time"]), 0)
        _, found = self.post("/predict", {"inputs": [[LOVE], [HATE]], "truncate": True})
        for text, row in zip((LOVE, HATE), found):
            self.assert_scores({entry["label"]: entry["score"] for entry in row}, text)


class KServe(WithServer):
    HEADERS = {"authorization": f"Bearer {READ_KEY}"}

    def test_plain_http_infers(self):
        body = {"inputs": [{"name": "text", "shape": [2], "datatype": "BYTES", "data": [LOVE, HATE]}]}
        _, _, text = self.server.request("POST", "/v2/models/default/infer", body, self.HEADERS)
        outputs = {output["name"]: output for output in json.loads(text)["outputs"]}
        self.assertEqual(outputs["label"]["data"], ["positive", "negative"])

    @unittest.skipUnless(has("tritonclient", "numpy", "gevent"), "tritonclient[http] is not installed")
    def test_tritonclient_infers(self):
        import numpy
        import tritonclient.http as triton
        client = triton.InferenceServerClient(f"127.0.0.1:{self.server.port}")
        self.assertTrue(client.is_server_live(self.HEADERS) and client.is_server_ready(self.HEADERS))
        self.assertTrue(client.is_model_ready("default", headers=self.HEADERS))
        self.assertEqual(client.get_server_metadata(self.HEADERS)["name"], "valence")
        metadata = client.get_model_metadata("default", headers=self.HEADERS)
        self.assertEqual(metadata["inputs"][0]["name"], "text")
        texts = numpy.array([LOVE, HATE], dtype=object)
        tensor = triton.InferInput("text", [2], "BYTES")
        tensor.set_data_from_numpy(texts, binary_data=False)
        wanted = [triton.InferRequestedOutput("label", binary_data=False),
                  triton.InferRequestedOutput("probabilities", binary_data=False)]
        reply = client.infer("default", [tensor], outputs=wanted, headers=self.HEADERS, request_id="7")
        self.assertEqual(list(reply.as_numpy("label")), ["positive", "negative"])
        for row, text in zip(reply.as_numpy("probabilities"), (LOVE, HATE)):
            self.assertEqual([float(value) for value in row], [numpy.float32(score) for score in self.by_id(text)])
        # Of a client left as it is: it offers to take binary tensors, and takes JSON.
        reply = client.infer("default", [tensor], headers=self.HEADERS)
        self.assertEqual(list(reply.as_numpy("label")), ["positive", "negative"])
        tensor.set_data_from_numpy(texts)
        with self.assertRaisesRegex(triton.InferenceServerException, "binary"):
            client.infer("default", [tensor], headers=self.HEADERS)
        client.close()

    def by_id(self, text):
        return [self.results[text][label] for label in ("negative", "neutral", "positive")]


if __name__ == "__main__":
    unittest.main()
