#!/usr/bin/env python3
"""Compares every #include under src/valence and include/valence with the layer table.

The table is the `valence_library(<layer> DEPS ...)` lines of src/valence/CMakeLists.txt: a layer includes its own
files, the layers its line names, and what those may include. Headers name no third-party library, so that its types
stop at the .cpp that wraps them.

    tools/check_layers.py [ROOT]     exit 1 with a line a violation: file:line: what, and the remedy
"""

import re
import sys
from pathlib import Path

# A public header belongs to the layer that implements it, and may be included where that layer may.
PUBLIC_HEADERS = {
    "error.h": "base",
    "precision.h": "base",
    "tokenizer.h": "tokenizer",
    "prediction.h": "engine",
    "calibration.h": "engine",
    "classifier.h": "engine",
}

# What a header may include in angle brackets: the standard library (no suffix), and these.
ALLOWED_IN_HEADERS = re.compile(r"[a-z_]+|tl/expected\.hpp|immintrin\.h|sys/\w+\.h|unistd\.h")

TABLE = "src/valence/CMakeLists.txt"
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"(?P<quoted>[^"]+)"|<(?P<angled>[^>]+)>)')


def read_table(root):
    """{layer: [layers its line names]}"""
    text = re.sub(r"#.*", "", (root / TABLE).read_text())
    table = {}
    for arguments in re.findall(r"valence_library\(([^)]*)\)", text):
        words = arguments.split()
        deps = words[words.index("DEPS") + 1 :] if "DEPS" in words else []
        table[words[0]] = deps[: deps.index("EXTERNAL")] if "EXTERNAL" in deps else deps
    return table


def reachable(layer, table):
    """What `layer` may include of ours, itself aside."""
    seen, pending = set(), list(table[layer])
    while pending:
        dep = pending.pop()
        if dep not in seen:
            seen.add(dep)
            pending += table.get(dep, [])
    return seen


def check_table(table):
    for layer, deps in table.items():
        for dep in deps:
            if dep not in table:
                yield f"{TABLE}: {layer} names {dep}, which is no layer. Remedy: correct its DEPS"
        if layer in reachable(layer, table):
            yield f"{TABLE}: {layer} depends on itself through its DEPS. Remedy: break the cycle"


def check_include(path, layer, table):
    """What is wrong with including the quoted `path` from `layer`, or None."""
    parts = Path(path).parts
    if parts[0] != "valence" or len(parts) < 2:
        return f'"{path}" is not written from the source root. Remedy: "valence/<layer>/{Path(path).name}"'
    target = PUBLIC_HEADERS.get(parts[1]) if len(parts) == 2 else parts[1]
    if target is None:
        return f'"{path}" has no layer. Remedy: name its layer in PUBLIC_HEADERS of tools/check_layers.py'
    if target not in table:
        return f'"{path}" is in no layer of {TABLE}. Remedy: add valence_library({target} ...)'
    allowed = reachable(layer, table)
    if target != layer and target not in allowed:
        return (
            f'{layer} may not include {target} ("{path}"); it may include: {", ".join(sorted(allowed)) or "nothing"}. '
            f"Remedy: move the code to a layer that may, or add {target} to the DEPS of {layer} and to "
            "docs/architecture.md"
        )
    return None


def check_file(file, root, layer, table):
    public = file.is_relative_to(root / "include")
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1):
        match = INCLUDE.match(line)
        if not match:
            continue
        wrong = None
        quoted, angled = match["quoted"], match["angled"]
        if quoted is not None:
            wrong = check_include(quoted, layer, table)
            if wrong is None and public and len(Path(quoted).parts) != 2:
                wrong = f'an installed header includes "{quoted}", which is not installed. Remedy: include/valence/'
        elif angled.startswith("valence/"):
            wrong = f"<{angled}> is ours. Remedy: quotes"
        elif file.suffix == ".h" and not ALLOWED_IN_HEADERS.fullmatch(angled):
            wrong = f"<{angled}> in a header. Remedy: include it in the .cpp and hide its types behind ours"
        if wrong:
            yield f"{file.relative_to(root)}:{number}: {wrong}"


def check(root):
    """Every violation under `root`, as printed."""
    table = read_table(root)
    violations = list(check_table(table))
    for folder in sorted(p for p in (root / "src/valence").iterdir() if p.is_dir()):
        files = sorted(f for f in folder.rglob("*") if f.suffix in {".h", ".cpp"})
        if files and folder.name not in table:
            remedy = f"Remedy: add valence_library({folder.name} ...)"
            violations.append(f"src/valence/{folder.name}: not in {TABLE}. {remedy}")
            continue
        for file in files:
            violations += check_file(file, root, folder.name, table)
    for file in sorted((root / "include/valence").glob("*.h")):
        if file.name in PUBLIC_HEADERS:
            violations += check_file(file, root, PUBLIC_HEADERS[file.name], table)
        else:
            violations.append(f"{file.relative_to(root)}: no layer. Remedy: PUBLIC_HEADERS of tools/check_layers.py")
    return violations


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    violations = check(root.resolve())
    for violation in violations:
        print(violation)
    if violations:
        sys.exit(f"check_layers: {len(violations)} violation(s)")
    print("check_layers: every include follows the layer table")


if __name__ == "__main__":
    main()
