"""What the tests of broken and hostile files share. Each class of file is refused with a message that names the file,
the place and the remedy, soon, and before it has cost memory.

Bounds of a refusal: 100 ms and 32 MB over what the program takes to say that there is no such model. Memory is held to
that. Time is the processor's, which other programs take nothing of but caches, and held to three times as much. What was
measured is printed.
"""
import json
import os
import subprocess
import sys
from pathlib import Path

from support import BINARY, InTemporaryFolder

GOLDENS = Path(os.environ["VALENCE_SOURCE_DIR"]) / "tests/parity/data"
MEMORY_ALLOWED_KB = 32 * 1024
TIME_ALLOWED_MS = 300
MB = 1 << 20

# A process of its own, small and without this one's memory: a child's highest resident set counts what it had between
# fork and exec, which is its parent's.
LAUNCHER = """
import json, os, sys
quiet = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, used = os.wait4(child, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), (used.ru_utime + used.ru_stime) * 1e3, used.ru_maxrss]))
"""


def measured(*args):
    """Exit code, message, milliseconds of the processor and highest resident KB of a run of the program."""
    run = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, BINARY, *map(str, args)], capture_output=True,
                         stdin=subprocess.DEVNULL, timeout=120, check=False)
    code, used_ms, resident_kb = json.loads(run.stdout)
    return code, run.stderr.decode(), used_ms, resident_kb


def sparse(size, head=b""):
    """A file of `size` bytes that takes no disk: `head`, then zeros."""
    def write(path):
        with open(path, "wb") as file:
            file.write(head)
            file.truncate(size)
    return write


def repeated(head, unit, size, tail=b""):
    """A file of `head` and as many of `unit` as make `size` bytes."""
    def write(path):
        block = unit * (MB // len(unit) + 1)
        with open(path, "wb") as file:
            file.write(head)
            written = len(head)
            while written < size:
                file.write(block)
                written += len(block)
            file.write(tail)
    return write


class Refusals(InTemporaryFolder):
    """Each case: its class, the file, its content (bytes, text, or what writes it), and what the message must say."""

    @classmethod
    def setUpClass(cls):
        cls.rows = []
        code, _, cls.baseline_ms, cls.baseline_kb = measured("classify", "-t", "good", "-m", "/nowhere/at/all")
        assert code == 3

    @classmethod
    def tearDownClass(cls):
        base = f"{cls.baseline_ms:.0f} ms and {cls.baseline_kb / 1024:.1f} MB"
        print(f"\n{cls.__name__}: beyond the {base} of no such model:")
        for name, case, used_ms, growth_kb in cls.rows:
            print(f"  {name:26} {case:52} {used_ms:7.1f} ms {growth_kb / 1024:6.1f} MB")

    def put(self, name, content):
        path = self.model / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def check(self, case, name, content, *needles, where=None, model=None, args=(),
              memory_allowed_kb=MEMORY_ALLOWED_KB):
        """`where`: the file that the message names, if it is another."""
        with self.subTest(case=case, file=name):
            self.put(name, content)
            code, message, used_ms, resident_kb = measured("classify", "-t", "good", "-m", model or self.model, *args)
            growth_kb = max(0, resident_kb - self.baseline_kb)
            self.rows.append((name, case, max(0.0, used_ms - self.baseline_ms), growth_kb))
            self.assertIn(code, (2, 3), message[:2000])  # 2: a thing that valence does not support
            self.assertTrue(message.startswith("error: "), message[:2000])
            self.assertLess(len(message), 1500, message[:2000])
            for needle in (name if where is None else where, *needles):
                self.assertIn(needle, message)
            self.assertLess(growth_kb, memory_allowed_kb)
            self.assertLess(used_ms, TIME_ALLOWED_MS)

    def check_all(self, name, cases, **kwargs):
        """Each of the cases in the file's place, which is then as it was."""
        path = self.model / name
        original = path.read_bytes() if path.exists() else None
        for case, content, *needles in cases:
            self.check(case, name, content, *needles, **kwargs)
            path.unlink()
            if original is not None:
                path.write_bytes(original)

    def without(self, *names):
        for name in names:
            (self.model / name).unlink()
