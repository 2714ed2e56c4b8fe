"""tools/check_layers.py against small trees made to follow or to break its rules."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "check_layers.py"
TABLE = """
valence_library(base EXTERNAL fmt::fmt)
valence_library(data DEPS base)
valence_library(engine DEPS data)   # DEPS of a comment: cli
"""


def check(files, table=TABLE):
    """(exit code, output) for a tree of {path: text}."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in {"src/valence/CMakeLists.txt": table, "include/valence/error.h": "", **files}.items():
            file = Path(root, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        run = subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True, check=False)
        return run.returncode, run.stdout + run.stderr


class Layers(unittest.TestCase):
    def refused(self, files, *patterns, table=TABLE):
        code, output = check(files, table)
        self.assertEqual(code, 1, output)
        for pattern in patterns:
            self.assertIn(pattern, output)

    def test_own_named_and_transitive_layers_are_allowed(self):
        text = '#include "valence/engine/b.h"\n#include "valence/data/d.h"\n#include "valence/base/e.h"\n'
        code, output = check({"src/valence/engine/a.cpp": text + "#include <fmt/format.h>\n"})
        self.assertEqual(code, 0, output)

    def test_a_higher_layer_is_refused_with_file_and_line(self):
        files = {"src/valence/base/a.h": '#include <string>\n#include "valence/engine/b.h"\n'}
        self.refused(files, "src/valence/base/a.h:2:", "base may not include engine", "Remedy")

    def test_subfolders_count_as_their_layer(self):
        self.refused({"src/valence/data/arch/a.cpp": '#include "valence/engine/b.h"\n'}, "data/arch/a.cpp:1:")

    def test_a_public_header_counts_as_its_layer(self):
        self.refused({"src/valence/base/a.cpp": '#include "valence/classifier.h"\n'}, "base may not include engine")

    def test_a_public_header_includes_only_public_headers(self):
        files = {"include/valence/classifier.h": '#include "valence/base/error.h"\n'}
        self.refused(files, "include/valence/classifier.h:1:", "not installed")

    def test_third_party_in_a_header_is_refused(self):
        for header in ("nlohmann/json.hpp", "zlib.h", "zstd.h", "utf8proc.h", "fmt/format.h", "CLI/CLI.hpp"):
            self.refused({"src/valence/base/a.h": f"#include <{header}>\n"}, f"<{header}> in a header")

    def test_standard_headers_and_expected_are_allowed_in_headers(self):
        text = "#include <vector>\n#include <string_view>\n#include <tl/expected.hpp>\n"
        code, output = check({"src/valence/base/a.h": text})
        self.assertEqual(code, 0, output)

    def test_an_include_relative_to_the_file_is_refused(self):
        self.refused({"src/valence/base/a.cpp": '#include "a.h"\n'}, "not written from the source root")

    def test_a_folder_without_a_line_in_the_table_is_refused(self):
        self.refused({"src/valence/net/a.cpp": ""}, "src/valence/net: not in")

    def test_a_cycle_in_the_table_is_refused(self):
        self.refused({}, "depends on itself", table="valence_library(base DEPS data)\nvalence_library(data DEPS base)")


if __name__ == "__main__":
    unittest.main()
