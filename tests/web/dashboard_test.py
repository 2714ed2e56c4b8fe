"""The dashboard: what is in its bundle, what its sources may not say, and how it behaves in a real browser.

    python3 -B tests/web/dashboard_test.py -v
    VALENCE_BINARY=build/valence python3 -B tests/web/dashboard_test.py -v
    VALENCE_DASHBOARD_URL=http://127.0.0.1:8080/ python3 -B tests/web/dashboard_test.py -v RealServer    (a running `valence serve --store-text full`)
"""

import filecmp
import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from dashboard_data import DashboardData  # noqa: E402
from dashboard_server import DashboardServer  # noqa: E402
from xss_strings import xss_strings  # noqa: E402

BEGIN = time.monotonic()
ROOT = pathlib.Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
DIST = WEB / "dist"
MAX_GZIP_BYTES = 150_000
MAX_S = 230  # for all of it, whatever else the machine does; a browser that is at it still is ended
FILES = ["assets/dashboard.css", "assets/dashboard.js", "assets/favicon.svg", "index.html"]

# What turns a string into markup, style or program.
FORBIDDEN = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|\bsrcdoc\b|createContextualFragment|"
                       r"DOMParser|\beval\s*\(|new Function|setAttribute\s*\(\s*['\"](?:on|style)|\bstyle=\"|\bcssText\b|https?://(?!127\.0\.0\.1)")


def node():
    """Why the tools are not there; empty when they are."""
    if not shutil.which("node"):
        return "node is missing: ./dev test installs nodejs where it may"
    if not (WEB / "node_modules" / "vite").is_dir():
        return "web/node_modules is missing: npm ci --prefix web (./dev test does it where it may)"
    return ""


def chromium():
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""


class Bundle(unittest.TestCase):
    def test_has_these_files_and_no_others(self):
        self.assertEqual(sorted(str(path.relative_to(DIST)) for path in DIST.rglob("*") if path.is_file()), FILES)

    def test_is_small(self):
        size = sum(len(gzip.compress((DIST / name).read_bytes(), mtime=0)) for name in FILES)
        print(f"bundle: {size} bytes with gzip", file=sys.stderr)
        self.assertLessEqual(size, MAX_GZIP_BYTES)

    def test_page_has_no_inline_script_or_style(self):
        page = (DIST / "index.html").read_text()
        self.assertNotRegex(page, r"<style|\sstyle=|\son\w+=")
        for tag in re.findall(r"<script[^>]*>(?s:.)*?</script>", page):
            self.assertRegex(tag, r'^<script [^>]*src="/assets/dashboard\.js"></script>$')

    def test_equals_a_fresh_build(self):
        if why := node():
            self.skipTest(why)
        with tempfile.TemporaryDirectory() as fresh:
            subprocess.run(["node", "node_modules/vite/bin/vite.js", "build", "--outDir", fresh, "--logLevel", "error"], cwd=WEB, check=True,
                           timeout=600)
            _, different, missing = filecmp.cmpfiles(DIST, fresh, FILES, shallow=False)
        self.assertEqual((different, missing), ([], []), "run: npm run build --prefix web, and commit web/dist")


class Sources(unittest.TestCase):
    def test_no_text_becomes_markup_and_nothing_is_fetched_from_elsewhere(self):
        for path in sorted((WEB / "src").rglob("*")) + [WEB / "index.html"]:
            if path.suffix in (".ts", ".tsx", ".css", ".html"):
                for number, line in enumerate(path.read_text().splitlines(), 1):
                    self.assertNotRegex(line, FORBIDDEN, f"{path.relative_to(ROOT)}:{number}")

    def test_the_rule_sees_what_it_forbids(self):
        for line in ["x.innerHTML = y", "<p dangerouslySetInnerHTML={{ __html: y }} />", 'fetch("https://example.org")', "eval (y)"]:
            self.assertRegex(line, FORBIDDEN)

    def test_dependencies_are_pinned_and_locked(self):
        package = json.loads((WEB / "package.json").read_text())
        locked = json.loads((WEB / "package-lock.json").read_text())["packages"]
        for name, version in {**package["dependencies"], **package["devDependencies"]}.items():
            self.assertEqual(locked[f"node_modules/{name}"]["version"], version)
        for name, entry in locked.items():
            if name:
                self.assertIn("integrity", entry, name)

    def test_types_hold(self):
        if why := node():
            self.skipTest(why)
        done = subprocess.run(["node", "node_modules/typescript/bin/tsc", "--noEmit"], cwd=WEB, capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout)


def why_no_browser():
    """Why there is no browser to look at the page with; empty when there is one."""
    return node() or ("" if chromium() else "chromium is missing: ./dev test installs it where it may")


class InBrowser(unittest.TestCase):
    def setUp(self):
        if why := why_no_browser():
            self.skipTest(why)

    def run_checks(self, urls):
        artefacts = pathlib.Path(os.environ.get("VALENCE_ARTEFACTS", ROOT / "build" / "dashboard"))
        environment = {**os.environ, "VALENCE_SOURCE_DIR": str(ROOT), "VALENCE_DASHBOARD_URLS": json.dumps(urls),
                       "VALENCE_ARTEFACTS": str(artefacts), "VALENCE_XSS_STRINGS": json.dumps(xss_strings()), "CHROMIUM": chromium()}
        program = subprocess.Popen(["node", str(ROOT / "tests" / "web" / "browser_checks.mjs")], env=environment, stdout=subprocess.PIPE, text=True,
                                   start_new_session=True)
        too_late = []
        timer = threading.Timer(max(10, MAX_S - (time.monotonic() - BEGIN)), lambda: (too_late.append(True), os.killpg(program.pid, signal.SIGKILL)))
        timer.start()
        checks = 0
        try:
            for line in program.stdout:
                result = json.loads(line)
                checks += 1
                print(f"{'FAILED' if result['failure'] else 'ok'} {result['seconds']:.1f} s: {result['name']} {result['note']}{result['failure']}",
                      file=sys.stderr, flush=True)
                with self.subTest(result["name"]):
                    self.assertFalse(result["failure"], result["failure"])
            code = program.wait(timeout=30)
        finally:
            timer.cancel()
            program.stdout.close()
            if program.poll() is None:
                os.killpg(program.pid, signal.SIGKILL)
                program.wait()
        self.assertFalse(too_late, f"not done {MAX_S} s after the test began; {checks} checks were")
        self.assertEqual(code, 0)
        self.assertGreater(checks, 0)
        print(f"screenshots: {artefacts}", file=sys.stderr)


class RealServer(InBrowser):
    """The page of `valence serve` itself."""

    def test_every_feature(self):
        if url := os.environ.get("VALENCE_DASHBOARD_URL"):
            return self.run_checks({"real": url})
        if not os.environ.get("VALENCE_BINARY"):
            self.skipTest("VALENCE_BINARY does not say where the program is (ctest does)")
        from real_server import RealServer as Server
        with Server(archive=True) as real, Server(keys=True) as keyed:
            real.fill(xss_strings())
            return self.run_checks({"real": real.url, "keyed": keyed.url, "seeded": True})


class StandIn(InBrowser):
    """What a server that works does not do: failures, delays, hostile labels and rules."""

    def test_every_feature(self):
        self.run_checks(self.serve())

    def serve(self):
        """A server for each kind of answers; the live feed of the last two is quiet."""
        made = {
            "plain": DashboardServer(("127.0.0.1", 0), DashboardData()),
            "hostile": DashboardServer(("127.0.0.1", 0), DashboardData(hostile=True), live_seconds=0),
            "keyed": DashboardServer(("127.0.0.1", 0), DashboardData(), "read-key-0123456789", "admin-key-0123456789"),
            "hashed": DashboardServer(("127.0.0.1", 0), DashboardData(text_policy="hash"), live_seconds=0),
        }
        for server in made.values():
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.addCleanup(server.server_close)
            self.addCleanup(server.shutdown)
        return {name: f"http://127.0.0.1:{server.server_port}/" for name, server in made.items()}


if __name__ == "__main__":
    unittest.main()
