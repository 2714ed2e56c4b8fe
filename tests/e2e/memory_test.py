"""Memory does not grow with the file."""
import random
import subprocess
import unittest
from pathlib import Path

from support import BINARY, InTemporaryFolder

GROWTH_ALLOWED_KB = 16 * 1024


class ResidentSet(InTemporaryFolder):
    def write_rows(self, count, words, longest):
        generator = random.Random(1)
        path = self.folder / "rows.csv"
        with open(path, "w", encoding="utf-8") as file:
            file.write("id,text\n")
            for row in range(count):
                text = " ".join(generator.choices(words, k=generator.randint(1, longest)))
                file.write(f"{row},{text} {row % 1000}\n")
        return path

    def growth_kb(self, path, rows, *args):
        """Highest resident set of the run, less what it was when 20,000 rows had been written."""
        out = self.folder / "out.jsonl"
        partial = Path(str(out) + ".partial")
        bytes_at_20k = None
        highest = at_20k = 0
        with subprocess.Popen([BINARY, "classify", path, "-o", out, "--quiet", *map(str, args)],
                              stdin=subprocess.DEVNULL) as process:
            while process.poll() is None:
                try:
                    status = Path(f"/proc/{process.pid}/status").read_text()
                    written = partial.stat().st_size
                except OSError:
                    continue
                resident = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")]
                if not resident:
                    continue
                if bytes_at_20k is None and written > 0:
                    # Rows are alike, so the first ones tell how many bytes 20,000 take.
                    with open(partial, encoding="utf-8") as file:
                        head = file.read(65536)
                    bytes_at_20k = 20_000 * len(head) // max(1, head.count("\n"))
                if bytes_at_20k is None or written <= bytes_at_20k:
                    at_20k = max(at_20k, resident[0])
                highest = max(highest, resident[0])
        self.assertEqual(process.returncode, 0)
        with open(out, encoding="utf-8") as file:
            self.assertEqual(sum(1 for _ in file), rows)
        self.assertGreater(at_20k, 0, "the run was over before it could be watched")
        return highest - at_20k

    def test_two_million_rows_through_a_tiny_model(self):
        path = self.write_rows(2_000_000, ["good", "bad", "not", "the", "a", "!"], 12)
        growth = self.growth_kb(path, 2_000_000, "-m", self.model)
        self.assertLess(growth, GROWTH_ALLOWED_KB)

    def test_a_hundred_thousand_rows_through_the_built_in_model(self):
        words = "the delivery was late but support helped me and I would buy it again not bad at all really".split()
        path = self.write_rows(100_000, words, 14)
        growth = self.growth_kb(path, 100_000)
        self.assertLess(growth, GROWTH_ALLOWED_KB)


if __name__ == "__main__":
    unittest.main()
