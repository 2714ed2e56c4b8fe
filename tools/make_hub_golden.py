#!/usr/bin/env python3
"""Records what PyPI `huggingface_hub` leaves in its cache, for tests/e2e/layout_test.py, and reads back what valence left.

    python tools/make_hub_golden.py                     # needs huggingface_hub; writes tests/e2e/data/hub_layout.json
    python tools/make_hub_golden.py --read build/valence   # valence pulls, huggingface_hub reads it without a network

Both talk to the hub of tests/e2e/hub_server.py, which has the repository of tests/e2e/layout_case.py.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
import layout_case  # noqa: E402
from hub_server import HubServer  # noqa: E402

CHILD = """
import sys
from huggingface_hub import hf_hub_download, scan_cache_dir
repo, revision, *names = sys.argv[1:]
for name in names:
    print(open(hf_hub_download(repo, name, revision=revision), "rb").read().hex())
if revision == "main":
    (found,) = scan_cache_dir().repos
    assert found.repo_id == repo, found
    print(sorted(ref for each in found.revisions for ref in each.refs))
"""


def python(home, endpoint, revision, **environment):
    command = [sys.executable, "-c", CHILD, layout_case.REPO, revision, *layout_case.PULLED]
    variables = {"HF_HOME": home, "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", "PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout.splitlines()


def record():
    import huggingface_hub

    with HubServer() as hub, tempfile.TemporaryDirectory() as home:
        for revision in layout_case.fill(hub):
            python(home, hub.url, revision)
        tree = layout_case.tree_of(pathlib.Path(home) / "hub")
    golden = {"huggingface_hub": huggingface_hub.__version__, "python": platform.python_version(), "tree": tree}
    path = ROOT / "tests/e2e/data/hub_layout.json"
    path.write_text(json.dumps(golden, indent=1) + "\n")
    print(f"{path.relative_to(ROOT)}: {len(tree)} entries")


def read(program):
    with HubServer() as hub, tempfile.TemporaryDirectory() as home:
        for revision in layout_case.fill(hub):
            subprocess.run([program, "models", "pull", f"{layout_case.REPO}@{revision}", "--quiet",
                            *(word for name in layout_case.PULLED for word in ("--include", name))], check=True,
                           env={"HF_HOME": home, "HF_ENDPOINT": hub.url}, stdout=subprocess.DEVNULL)
        requests = len(hub.requests())
        for revision, commit in (("main", hub.commit_of(layout_case.REPO, "main")), ("refs/pr/1", None)):
            commit = commit or hub.commit_of(layout_case.REPO, revision)
            lines = python(home, "http://127.0.0.1:9", revision, HF_HUB_OFFLINE="1")
            for name, line in zip(layout_case.PULLED, lines):
                assert bytes.fromhex(line) == hub.repos[layout_case.REPO][commit][name].content, name
            print(revision, "read without a network:", *layout_case.PULLED, *lines[len(layout_case.PULLED):])
        # And with one: nothing is fetched again.
        python(home, hub.url, "main")
        fetched = [entry[:3] for entry in hub.requests()[requests:] if entry[1] == "GET" and ("resolve" in entry[2] or entry[0] == "cdn")]
        assert not fetched, fetched
        print("with a network nothing is fetched again")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--read", metavar="PROGRAM", help="a built valence")
    arguments = parser.parse_args()
    read(pathlib.Path(arguments.read).resolve()) if arguments.read else record()
