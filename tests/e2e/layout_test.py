"""The cache that valence leaves, entry by entry, against the one huggingface_hub left (tools/make_hub_golden.py)."""
import json
import tempfile
import unittest
from pathlib import Path

import layout_case
from hub_server import HubServer
from support import valence

GOLDEN = json.loads((Path(__file__).parent / "data" / "hub_layout.json").read_text())


class Layout(unittest.TestCase):
    def test_the_cache_is_the_same_as_that_of_huggingface_hub(self):
        with HubServer() as hub, tempfile.TemporaryDirectory(prefix="valence-e2e-") as home:
            for revision in layout_case.fill(hub):
                result = valence("models", "pull", f"{layout_case.REPO}@{revision}",
                                 *(word for name in layout_case.PULLED for word in ("--include", name)),
                                 env={"HF_HOME": home, "HF_ENDPOINT": hub.url})
                self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(layout_case.tree_of(Path(home) / "hub"), GOLDEN["tree"])


if __name__ == "__main__":
    unittest.main()
