"""valence models pull against a hub of one's own: what arrives, what is refused, and what survives being cut off."""
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
import unittest
from pathlib import Path

from hub_server import File, HubServer, sha256
from hub_support import REPO, WithHub
from support import BINARY, lines, safetensors, tensors_of, valence

TOKEN = "hf_SecretOfTheTest"


class Pulling(WithHub):
    def test_what_a_classifier_needs_arrives_and_is_used_without_a_network(self):
        result = self.pull()
        self.assert_ok(result)
        self.assertEqual(Path(result.stdout.decode().strip()), self.snapshot())
        self.assert_whole()
        names = sorted(path.name for path in self.snapshot().iterdir())
        self.assertEqual(names, ["README.md", "config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"])
        offline = self.run_valence("classify", "-m", REPO, "-t", "good", "-f", "jsonl",
                                   HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9")
        self.assert_ok(offline)
        direct = self.classify("-t", "good", "-f", "jsonl")
        self.assertEqual(lines(offline), lines(direct))

    def test_the_layout_is_that_of_huggingface_hub(self):
        self.assert_ok(self.pull())
        for name, file in self.files.items():
            if name == "training_args.bin":
                continue
            link = self.snapshot() / name
            self.assertEqual(os.readlink(link), f"../../blobs/{file.etag}")
        self.assertEqual((self.repo_dir() / "refs" / "main").read_text(), self.commit)
        self.assertTrue((self.cache / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55"))

    def test_a_second_pull_fetches_nothing(self):
        self.assert_ok(self.pull())
        before = len(self.hub.requests())
        self.assert_ok(self.pull())
        self.assertEqual(len(self.hub.requests()) - before, 1, "only the listing")

    def test_a_new_commit_shares_what_did_not_change(self):
        self.assert_ok(self.pull())
        self.files = self.model_files(**{"README.md": File(b"# Changed\n")})
        new = self.hub.add(REPO, self.files)
        fetched = len(self.hub.requests("cdn"))
        self.assert_ok(self.pull())
        self.assertEqual(len(self.hub.requests("cdn")), fetched)
        self.assert_whole(self.snapshot(new))
        self.assertEqual((self.repo_dir() / "refs" / "main").read_text(), new)

    def test_revisions_by_branch_and_by_commit(self):
        self.files = self.model_files(**{"README.md": File(b"# Second\n")})
        second = self.hub.add(REPO, self.files, branch="refs/pr/1")
        self.assert_ok(self.pull(f"{REPO}@refs/pr/1"))
        self.assertEqual((self.repo_dir() / "refs" / "refs" / "pr" / "1").read_text(), second)
        self.assert_ok(self.run_valence("classify", "-m", f"{REPO}@refs/pr/1", "-t", "good"))
        self.assert_ok(self.run_valence("classify", "-m", f"{REPO}@{second}", "-t", "good"))
        refused = self.run_valence("classify", "-m", REPO, "-t", "good")
        self.assert_refused(refused, 3, f"valence models pull {REPO}")
        self.assert_ok(self.pull(f"{REPO}@{self.commit}"))
        self.assertFalse((self.repo_dir() / "refs" / self.commit).exists())

    def test_dry_run_lists_and_fetches_nothing(self):
        result = self.pull(REPO, "--dry-run")
        self.assert_ok(result)
        self.assertIn(b"model.safetensors", result.stdout)
        self.assertFalse(self.cache.exists())
        self.assertEqual(self.hub.requests("cdn"), [])

    def test_a_directory_of_that_name_comes_first(self):
        self.assert_ok(self.pull())
        local = self.folder / "org" / "tiny-sentiment"
        local.mkdir(parents=True)
        result = valence("classify", "-m", REPO, "-t", "good", env=self.environment(), cwd=self.folder)
        self.assert_refused(result, 3, "config.json")

    def test_sharded_weights_come_with_their_index(self):
        shards = {f"model-0000{i}-of-00002.safetensors": File(b"x" * i, lfs=True) for i in (1, 2)}
        index = File(json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors"}}).encode())
        self.hub.add("org/sharded", {"config.json": File(b"{}"), "model.safetensors.index.json": index, **shards,
                                     "optimizer.safetensors": File(b"o", lfs=True)})
        result = self.pull("org/sharded")
        self.assert_ok(result)
        names = sorted(path.name for path in Path(result.stdout.decode().strip()).iterdir())
        self.assertEqual(names, ["config.json", *sorted(shards), "model.safetensors.index.json"])
        self.assertIn(b"valence cannot classify with it", result.stderr)

    def test_onnx_and_gguf_only_on_request(self):
        self.hub.add("org/many", self.model_files(**{"onnx/model.onnx": File(b"onnx", lfs=True),
                                                     "onnx/model_fp16.onnx": File(b"half", lfs=True),
                                                     "a.q8_0.gguf": File(b"gguf8", lfs=True),
                                                     "a.q4_0.gguf": File(b"gguf4", lfs=True)}))
        snapshot = Path(self.pull("org/many").stdout.decode().strip())
        self.assertFalse((snapshot / "onnx").exists())
        self.assert_ok(self.pull("org/many", "--format", "onnx"))
        self.assertEqual(os.readlink(snapshot / "onnx" / "model.onnx"), f"../../../blobs/{sha256(b'onnx')}")
        self.assertFalse((snapshot / "onnx" / "model_fp16.onnx").exists())
        self.assert_refused(self.pull("org/many", "--format", "gguf"), 2, "a.q4_0.gguf", "--include")
        self.assert_ok(self.pull("org/many", "--format", "gguf", "--include", "*q8_0.gguf"))
        self.assertEqual([path.name for path in snapshot.glob("*.gguf")], ["a.q8_0.gguf"])

    def test_pickles_only_is_refused_with_the_command_that_converts(self):
        self.hub.add("org/pickled", {"config.json": File(b"{}"), "pytorch_model.bin": File(b"\x80", lfs=True)})
        self.assert_refused(self.pull("org/pickled"), 3, "pytorch_model.bin", "from_pretrained('org/pickled')",
                            "save_pretrained('DIR'")

    def test_a_model_without_a_trained_head_is_told(self):
        config = json.loads(self.files["config.json"].content)
        tensors = tensors_of(config, random.Random(7))
        del tensors["classifier.weight"], tensors["classifier.bias"]
        self.hub.add("org/headless", self.model_files(**{
            "model.safetensors": File(safetensors(tensors), lfs=True)}))
        result = self.pull("org/headless")
        self.assert_ok(result)
        self.assertIn(b"has no trained classification head", result.stderr)
        self.assertIn(b"fine-tune", result.stderr)


class Tokens(WithHub):
    def setUp(self):
        super().setUp()
        self.hub.add("org/private", self.model_files(), token=TOKEN)
        self.hub.add("org/gated", self.model_files(), token=TOKEN, gated=True)

    def assert_token_stays_home(self):
        sent = [(side, headers.get("Authorization")) for side, _, _, headers in self.hub.requests()]
        self.assertIn(("hub", f"Bearer {TOKEN}"), sent)
        self.assertIn(("cdn", None), sent)
        for side, method, path, headers in self.hub.requests("cdn"):
            self.assertNotIn(TOKEN, json.dumps([method, path, headers]))

    def test_a_token_opens_a_private_model_and_never_reaches_the_other_host(self):
        result = self.pull("org/private", HF_TOKEN=TOKEN)
        self.assert_ok(result)
        self.assert_token_stays_home()
        self.assertNotIn(TOKEN.encode(), result.stdout + result.stderr)

    def test_a_token_file_does_too(self):
        self.file("home/token", TOKEN + "\n")
        self.assert_ok(self.pull("org/gated"))
        self.assert_token_stays_home()
        path = self.file("elsewhere/token", TOKEN)
        (self.folder / "home" / "token").unlink()
        self.assert_ok(self.pull("org/private", HF_TOKEN_PATH=str(path)))

    def test_refusals_say_what_to_do(self):
        self.assert_refused(self.pull("org/private"), 4, "private", "HF_TOKEN")
        self.assert_refused(self.pull("org/nothing"), 4, "check the name")
        self.assert_refused(self.pull("org/gated"), 4, "gated", "HF_TOKEN")
        self.assert_refused(self.pull("org/gated", HF_TOKEN="hf_wrong"), 4, "gated", "conditions")
        self.assert_refused(self.pull(f"{REPO}@no-such"), 4, "revision")

    def test_a_malformed_token_is_refused_and_not_shown(self):
        result = self.pull(HF_TOKEN="hf_one two")
        self.assert_refused(result, 2, "HF_TOKEN")
        self.assertNotIn(b"hf_one", result.stderr)


class Faults(WithHub):
    def test_what_passes_is_tried_again(self):
        self.hub.fault("/api/models/", status=500)
        self.hub.fault("config.json", method="HEAD", status=429, headers={"Retry-After": "1"})
        self.hub.fault("vocab.txt", method="GET", hang_up=True)
        self.hub.fault("/blobs/", side="cdn", status=503)
        self.hub.fault("/blobs/", side="cdn", status=403)  # a signature that has run out
        started = time.monotonic()
        self.assert_ok(self.pull())
        self.assert_whole()
        self.assertLess(time.monotonic() - started, 60)

    def test_retry_after_beyond_patience_ends_at_once(self):
        self.hub.fault("/api/models/", status=429, headers={"Retry-After": "4000"}, forever=True)
        started = time.monotonic()
        self.assert_refused(self.pull(), 4, "429", "4000 s")
        self.assertLess(time.monotonic() - started, 5)

    def test_no_server_is_a_remote_error(self):
        result = self.pull(REPO, "--retry-for", "0", HF_ENDPOINT="http://127.0.0.1:9")
        self.assert_refused(result, 4, "127.0.0.1:9")

    def test_a_hub_that_never_answers_is_given_up_long_before_one_that_breaks_off(self):
        started = time.monotonic()
        result = self.pull(REPO, "--quiet", HF_ENDPOINT="http://127.0.0.1:9")
        self.assert_refused(result, 4, "127.0.0.1:9", "HF_ENDPOINT", "--retry-for")
        self.assertLess(time.monotonic() - started, 60)

    def test_a_flipped_byte_is_refused_and_nothing_is_visible(self):
        for name, side in (("vocab.txt", "hub"), ("/blobs/", "cdn")):
            size = len(self.files["vocab.txt" if side == "hub" else "model.safetensors"].content)
            for at in (0, size // 2, size - 1):
                self.hub.fault(name, side=side, method="GET", flip=at)
                result = self.pull()
                self.assert_refused(result, 3, "are not those the hub announced")
                self.assert_nothing_wrong_is_visible()
                self.assertFalse((self.repo_dir() / "refs" / "main").exists())
        self.assert_ok(self.pull())
        self.assert_whole()

    def test_a_damaged_partial_is_started_over(self):
        content = self.files["model.safetensors"].content
        partial = self.file(f"home/hub/{self.repo_dir().name}/blobs/{sha256(content)}.incomplete", b"?" * 1000)
        result = self.pull()
        self.assert_ok(result)
        self.assertIn(b"starting over", result.stderr)
        self.assert_whole()
        self.assertFalse(partial.exists())

    def test_a_server_without_ranges_sends_all_again(self):
        content = self.files["model.safetensors"].content
        self.file(f"home/hub/{self.repo_dir().name}/blobs/{sha256(content)}.incomplete", content[:1234])
        self.hub.fault("/blobs/", side="cdn", no_ranges=True)
        self.assert_ok(self.pull())
        self.assert_whole()

    def test_answers_without_length_and_with_a_wrong_one(self):
        self.hub.fault("/blobs/", side="cdn", no_length=True)
        self.assert_ok(self.pull())
        self.assert_whole()
        for length in ("10", "99999999"):
            self.hub.add("org/other", self.model_files(**{"model.safetensors": File(length.encode() * 50, lfs=True)}))
            self.hub.fault("/blobs/", side="cdn", replace_headers={"Content-Length": length})
            result = self.pull("org/other", "--retry-for", "0")
            self.assert_refused(result, 4, "org/other")

    def test_hostile_file_names_are_refused(self):
        for name in ("../../../../outside", "/etc/outside", "a/../../outside", "a\\..\\outside", "a\nb", "a//b", "",
                     "a/\x1b[2J", "C:outside", "x" * 2000):
            self.hub.fault("/api/models/", document={"siblings": [{"rfilename": name}]})
            result = self.pull()
            self.assert_refused(result, 4, "file name")
            self.assertNotIn(b"\x1b", result.stderr)
        self.assertEqual(list(self.folder.rglob("*outside*")), [])

    def test_hostile_listings_are_refused(self):
        cases = [b"{", b"[" * 100_000, b'{"sha": "../../x", "siblings": []}', b'{"sha": 1}',
                 b'{"sha": "%s", "siblings": [{"rfilename": "a", "size": -1}]}' % (b"a" * 40),
                 b'{"sha": "%s", "siblings": [{"rfilename": "a", "size": 9223372036854775807}]}' % (b"a" * 40),
                 b'{"sha": "%s", "siblings": [{"rfilename": "a"}, {"rfilename": "a"}]}' % (b"a" * 40),
                 b'{"sha": "%s", "siblings": [{"rfilename": "a", "lfs": {"sha256": "../x"}}]}' % (b"a" * 40)]
        for body in cases:
            self.hub.fault("/api/models/", body=body)
            self.assert_refused(self.pull(), 4, REPO)
        self.hub.fault("/api/models/", body=b" " * (20 << 20))
        self.assert_refused(self.pull(), 4, "more than")

    def test_giant_sizes_are_refused_before_anything_is_fetched(self):
        siblings = [{"rfilename": "config.json", "size": 10},
                    {"rfilename": "model.safetensors", "lfs": {"sha256": "a" * 64, "size": 1 << 45}}]
        self.hub.fault("/api/models/", document={"siblings": siblings})
        self.assert_refused(self.pull(), 5, "free")

    def test_hostile_answers_about_a_file(self):
        other = "b" * 64
        for headers, needle in (({"X-Linked-Etag": f'"{other}"'}, "lists the hash"),
                                ({"X-Linked-Etag": '"../../../x"'}, "neither a SHA-256"),
                                ({"X-Linked-Size": "5"}, "answers with 5"),
                                ({"X-Repo-Commit": "c" * 40}, "another commit"),
                                ({"X-Repo-Commit": None}, "X-Repo-Commit"),
                                ({"Location": "file:///etc/passwd"}, "no http or https"),
                                ({"Location": "http://user:pw@127.0.0.1/"}, "no http or https")):
            self.hub.fault("model.safetensors", method="HEAD", replace_headers=headers)
            self.assert_refused(self.pull(), 4, needle)
            self.assert_nothing_wrong_is_visible()

    def test_redirect_loops_end(self):
        self.hub.fault("model.safetensors", method="HEAD", status=302, headers={"Location": self.hub.url + f"/{REPO}/resolve/{self.commit}/model.safetensors"}, forever=True)
        self.assert_refused(self.pull(), 4, "redirects")
        self.hub.faults.clear()
        self.hub.fault("/blobs/", side="cdn", status=302, headers={"Location": "/blobs/again"}, forever=True)
        self.assert_refused(self.pull(), 4, "redirects")

    def test_endless_headers_end(self):
        self.hub.fault("/api/models/", status=200, headers={f"X-{i}": "x" * 1000 for i in range(90)})
        self.assert_refused(self.pull(), 4, "headers", self.hub.url)

    def test_usage(self):
        for ref in ("..", "a/b/c", "org/na me", "org/name@", "org/name@../x", "org/name@a..b", "-org/x", "org/x.git"):
            self.assertEqual(self.pull("--", ref).returncode, 2, ref)
        self.assert_refused(self.pull(REPO, "--format", "pickle"), 2, "--format")
        self.assert_refused(self.pull(REPO, "--retry-for", "soon"), 2, "--retry-for")
        self.assert_refused(self.pull(HF_HUB_OFFLINE="1"), 2, "HF_HUB_OFFLINE")
        self.assert_refused(self.pull(HF_ENDPOINT="ftp://x"), 2, "HF_ENDPOINT")
        self.assertEqual(self.hub.requests(), [])

    def test_a_cache_that_cannot_be_written_is_a_local_error(self):
        self.assert_refused(self.pull(HF_HUB_CACHE="/proc/nowhere"), 5, "/proc")


@unittest.skipUnless(shutil.which("openssl"), "openssl makes the certificate")
class Secure(WithHub):
    """A hub that speaks https, with a certificate that only SSL_CERT_FILE vouches for."""

    def setUp(self):
        super().setUp()
        self.certificate = self.folder / "hub.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hub",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.certificate, "-out", self.folder / "cert"],
                       check=True, capture_output=True)
        with open(self.certificate, "ab") as both:
            both.write((self.folder / "cert").read_bytes())
        self.secure = HubServer(self.certificate)
        self.secure.__enter__()
        self.addCleanup(self.secure.__exit__)
        self.secure.add(REPO, self.files)

    def environment(self, **changes):
        return super().environment(**{"HF_ENDPOINT": self.secure.url, "SSL_CERT_FILE": str(self.certificate), **changes})

    def test_a_redirect_from_https_to_http_is_refused(self):
        self.assert_refused(self.pull(), 4, "from https to http")
        self.assertEqual(self.secure.requests("cdn"), [])
        self.assert_nothing_wrong_is_visible()

    def test_files_that_stay_on_https_arrive(self):
        result = self.pull(REPO, "--include", "*.json", "--include", "vocab.txt")
        self.assert_ok(result)
        self.assertEqual((Path(result.stdout.decode().strip()) / "vocab.txt").read_bytes(), self.files["vocab.txt"].content)

    def test_an_unknown_certificate_is_refused_at_once(self):
        started = time.monotonic()
        self.assert_refused(self.pull(SSL_CERT_FILE=""), 4, "certificate")
        self.assertLess(time.monotonic() - started, 10)
        self.assertEqual(self.secure.requests(), [])


class CutOff(WithHub):
    """The bar: cut anywhere, resumed by a new process, the right bytes every time."""

    CUTS = 50

    def setUp(self):
        super().setUp()
        self.generator = random.Random(20)
        self.content = self.generator.randbytes(400_000)
        self.files = self.model_files(**{"model.safetensors": File(self.content, lfs=True)})
        self.commit = self.hub.add(REPO, self.files)
        self.partial = self.repo_dir() / "blobs" / (sha256(self.content) + ".incomplete")

    def forget(self):
        shutil.rmtree(self.cache)
        self.hub.log.clear()

    def ranges(self):
        return [headers.get("Range") for _, _, _, headers in self.hub.requests("cdn", "GET")]

    def test_connection_dropped_then_a_new_process(self):
        for _ in range(self.CUTS):
            at = self.generator.randrange(len(self.content))
            self.hub.fault("/blobs/", side="cdn", cut=at)
            self.assert_refused(self.pull(REPO, "--retry-for", "0"), 4)
            self.assertFalse((self.snapshot() / "model.safetensors").exists())
            self.assert_nothing_wrong_is_visible()
            self.assert_ok(self.pull())
            self.assert_whole()
            self.assertEqual(self.ranges(), [None, f"bytes={at}-" if at else None])
            self.forget()

    def test_killed_then_a_new_process(self):
        for _ in range(self.CUTS):
            at = self.generator.randrange(1, len(self.content))
            release = threading.Event()
            self.hub.fault("/blobs/", side="cdn", cut=at, stall=release)
            with subprocess.Popen([BINARY, "models", "pull", REPO], env=self.environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                self.wait_for_bytes(at)
                process.kill()
            release.set()
            self.assert_nothing_wrong_is_visible()
            self.assert_ok(self.pull())
            self.assert_whole()
            self.assertEqual(self.ranges(), [None, f"bytes={at}-"])
            self.forget()

    def wait_for_bytes(self, count):
        deadline = time.monotonic() + 30
        while not (self.partial.exists() and self.partial.stat().st_size >= count):
            self.assertLess(time.monotonic(), deadline)

    def test_one_file_cut_again_and_again(self):
        cuts = sorted(self.generator.sample(range(1, len(self.content)), self.CUTS))
        for begin, end in zip([0, *cuts], cuts):
            self.hub.fault("/blobs/", side="cdn", cut=end - begin)
            self.assert_refused(self.pull(REPO, "--retry-for", "0"), 4)
        self.assert_ok(self.pull())
        self.assert_whole()
        self.assertEqual(self.ranges(), [None, *(f"bytes={at}-" for at in cuts)])

    def test_one_process_goes_on_by_itself(self):
        for at in (1000, 200_000):
            self.hub.fault("/blobs/", side="cdn", cut=at)
        self.assert_ok(self.pull())
        self.assert_whole()
        self.assertEqual(self.ranges(), [None, "bytes=1000-", "bytes=201000-"])

    def test_a_connection_that_falls_silent_is_replaced(self):
        release = threading.Event()
        self.addCleanup(release.set)
        self.hub.fault("/blobs/", side="cdn", cut=5000, stall=release)
        self.assert_ok(self.pull(HF_HUB_DOWNLOAD_TIMEOUT="1"))
        self.assert_whole()
        self.assertEqual(self.ranges(), [None, "bytes=5000-"])

    def test_ctrl_c_keeps_what_arrived_and_says_so(self):
        release = threading.Event()
        self.hub.fault("/blobs/", side="cdn", cut=123_456, stall=release)
        with subprocess.Popen([BINARY, "models", "pull", REPO], env=self.environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self.wait_for_bytes(123_456)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        release.set()
        self.assertEqual(process.returncode, 130)
        self.assertIn(b"goes on from there", errors)
        self.assertEqual(self.partial.stat().st_size, 123_456)
        self.assert_ok(self.pull())
        self.assert_whole()

    def test_two_at_once_fetch_each_file_once(self):
        release = threading.Event()
        self.hub.fault("/blobs/", side="cdn", cut=1000, stall=release)
        command = [BINARY, "models", "pull", REPO]
        first = subprocess.Popen(command, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.wait_for_bytes(1000)
        second = subprocess.Popen(command, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertIn(b"another program is fetching it", second.stderr.readline())
        release.set()
        for process in (first, second):
            process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0)
        self.assert_whole()
        self.assertEqual(self.ranges(), [None, "bytes=1000-"])


if __name__ == "__main__":
    unittest.main()
