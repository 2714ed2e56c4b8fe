"""The repository whose cache is compared with what huggingface_hub makes of it (tools/make_hub_golden.py)."""
import os

from hub_server import File

REPO = "org/layout-case"
PULLED = ["config.json", "model.safetensors", "README.md", "onnx/model.onnx"]


def fill(hub):
    """Two revisions that share all files but one; returns their names."""
    files = {"config.json": File(b'{"model_type": "bert"}\n'), "model.safetensors": File(b"weights" * 1000, lfs=True),
             "README.md": File(b"# One\n"), "onnx/model.onnx": File(b"graph" * 100, lfs=True)}
    hub.add(REPO, files)
    hub.add(REPO, {**files, "README.md": File(b"# Two\n")}, branch="refs/pr/1")
    return ["main", "refs/pr/1"]


def tree_of(cache):
    """Path -> what lies there: a link's target, a reference's text, a blob's size. Locks, and what backup programs
    and huggingface_hub's listings of files make use of, are left aside: nobody finds a model by them."""
    tree = {}
    for path in sorted(cache.rglob("*")):
        name = path.relative_to(cache).as_posix()
        if name.startswith(".locks") or "/trees" in name or name == "CACHEDIR.TAG":
            continue
        if path.is_symlink():
            tree[name] = f"-> {os.readlink(path)}"
        elif path.is_dir():
            tree[name] = "directory"
        elif "/refs/" in name:
            tree[name] = path.read_text()
        else:
            tree[name] = f"{path.stat().st_size} bytes"
    return tree
