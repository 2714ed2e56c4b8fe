"""What tests of the hub share: a hub with one small model, an empty cache, and what must hold of it."""
import os

from hub_server import File, HubServer, git_oid, sha256
from support import InTemporaryFolder, valence

REPO = "org/tiny-sentiment"


class WithHub(InTemporaryFolder):
    """A hub that has the tiny model as org/tiny-sentiment, and an empty cache."""

    def setUp(self):
        super().setUp()
        self.hub = HubServer()
        self.hub.__enter__()
        self.addCleanup(self.hub.__exit__)
        self.cache = self.folder / "home" / "hub"
        self.files = self.model_files()
        self.commit = self.hub.add(REPO, self.files)

    def model_files(self, **extra):
        files = {name: File((self.model / name).read_bytes(), lfs=name.endswith(".safetensors"))
                 for name in ("config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json")}
        files["README.md"] = File(b"---\nlicense: mit\ntags:\n- sentiment\n---\n# A tiny model\n")
        files["training_args.bin"] = File(b"\x80\x02pickle", lfs=True)
        files.update(extra)
        return files

    def environment(self, **changes):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("HF_", "HUGGING", "XDG_", "VALENCE_M")) and "proxy" not in name.lower()}
        environment.update(HF_ENDPOINT=self.hub.url, HF_HOME=str(self.folder / "home"), HOME=str(self.folder),
                           HF_HUB_DOWNLOAD_TIMEOUT="5", HF_HUB_ETAG_TIMEOUT="5")
        environment.update(changes)
        return environment

    def run_valence(self, *args, stdin=None, **environment):
        return valence(*args, stdin=stdin, env=self.environment(**environment))

    def pull(self, *args, **environment):
        return self.run_valence("models", "pull", *(args or (REPO,)), **environment)

    def repo_dir(self, repo=REPO):
        return self.cache / ("models--" + repo.replace("/", "--"))

    def snapshot(self, commit=None):
        return self.repo_dir() / "snapshots" / (commit or self.commit)

    def blobs(self, repo=REPO):
        return sorted(path.name for path in (self.repo_dir(repo) / "blobs").glob("*"))

    def assert_ok(self, result):
        self.assertEqual(result.returncode, 0, result.stderr.decode())

    def assert_whole(self, snapshot=None):
        """Every chosen file is there with the right bytes, and nothing unfinished is left."""
        snapshot = snapshot or self.snapshot()
        for name in ("config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json", "README.md"):
            self.assertEqual(sha256((snapshot / name).read_bytes()), sha256(self.files[name].content), name)
        self.assertEqual([name for name in self.blobs() if name.endswith(".incomplete")], [])

    def assert_nothing_wrong_is_visible(self):
        """What lies under a final name hashes to that name."""
        for blob in (self.repo_dir() / "blobs").glob("*"):
            if not blob.name.endswith(".incomplete"):
                content = blob.read_bytes()
                self.assertIn(blob.name, (sha256(content), git_oid(content)))
        for link in self.repo_dir().glob("snapshots/*/**/*"):
            self.assertTrue(link.exists(), link)
