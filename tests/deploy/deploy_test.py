"""What lies in deploy/: checked by the tools of those it is for, where they are installed."""
import gzip
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

SOURCE = Path(os.environ.get("VALENCE_SOURCE_DIR", Path(__file__).resolve().parents[2]))
DEPLOY = SOURCE / "deploy"
# CONTRACTS.md section 8, and what the server adds to it: the names that may stand in rules and panels.
METRICS = set("""valence_requests_total valence_request_duration_seconds valence_stage_duration_seconds valence_texts_total
valence_confidence_ratio valence_abstained_total valence_truncated_total valence_tokens_total valence_batch_texts
valence_batch_tokens valence_queue_texts valence_sentiment_ratio valence_alerts_total valence_corrections_total
valence_model_info valence_build_info valence_ready""".split())


def expressions():
    """(where, PromQL) of every rule and panel."""
    rules = (DEPLOY / "prometheus/valence.rules.yml").read_text()
    for match in re.finditer(r"expr: (?:\|\n((?: {10,}.*\n)+)|(.*)\n)", rules):
        yield "rules", " ".join((match[1] or match[2]).split())
    for panel in json.loads((DEPLOY / "grafana/valence.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


class Metrics(unittest.TestCase):
    def test_every_expression_is_about_metrics_that_there_are(self):
        found = list(expressions())
        self.assertGreater(len(found), 15)
        for where, expression in found:
            for name in re.findall(r"\bvalence_[a-z_]+", expression):
                base = re.sub(r"_(bucket|sum|count)$", "", name)
                self.assertIn(base, METRICS, where)


class Promtool(unittest.TestCase):
    def setUp(self):
        if shutil.which("promtool") is None:
            self.skipTest("promtool is not installed (Debian: prometheus)")

    def promtool(self, *arguments, cwd=DEPLOY / "prometheus"):
        run = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, cwd=cwd)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_rules_are_valid(self):
        self.promtool("check", "rules", "valence.rules.yml")

    def test_rules_fire_as_their_test_says(self):
        self.promtool("test", "rules", "valence.rules.test.yml")

    def test_panels_are_promql(self):
        with tempfile.TemporaryDirectory() as folder:
            rules = [f"      - record: panel:{i}\n        expr: {json.dumps(expression)}\n"
                     for i, (_, expression) in enumerate(expressions())]
            Path(folder, "panels.yml").write_text("groups:\n  - name: panels\n    rules:\n" + "".join(rules))
            self.promtool("check", "rules", "panels.yml", cwd=folder)


class Kubernetes(unittest.TestCase):
    def test_manifests_follow_their_schemas(self):
        if not all(importlib.util.find_spec(name) for name in ("kubernetes_validate", "yaml")):
            self.skipTest("kubernetes-validate is not installed (PyPI)")
        import kubernetes_validate
        import yaml
        documents = list(yaml.safe_load_all((DEPLOY / "kubernetes/valence.yaml").read_text()))
        self.assertEqual([document["kind"] for document in documents],
                         ["ConfigMap", "Service", "StatefulSet", "NetworkPolicy"])
        for document in documents:
            kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)

    def test_the_program_answers_by_the_service_s_name(self):
        if importlib.util.find_spec("yaml") is None:
            self.skipTest("PyYAML is not installed (Debian: python3-yaml)")
        import yaml
        documents = {document["kind"]: document
                     for document in yaml.safe_load_all((DEPLOY / "kubernetes/valence.yaml").read_text())}
        arguments = documents["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]["args"]
        hosts = arguments[arguments.index("--allowed-hosts") + 1].split(",")
        self.assertIn(documents["Service"]["metadata"]["name"], hosts)


class Package(unittest.TestCase):
    """`cpack -G DEB` of the build this test belongs to, installed into a folder."""

    @classmethod
    def setUpClass(cls):
        build = os.environ.get("VALENCE_BUILD_DIR", "")
        for program in ("cpack", "dpkg", "dpkg-deb", "dpkg-shlibdeps"):
            if shutil.which(program) is None:
                raise unittest.SkipTest(f"{program} is not installed (Debian: cmake, dpkg-dev)")
        if not Path(build, "valence").is_file():
            raise unittest.SkipTest("VALENCE_BUILD_DIR names no build")
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.folder.chmod(0o755)  # for the service's user
        run = subprocess.run(["cpack", "-G", "DEB", "--config", Path(build, "CPackConfig.cmake"), "-B", cls.folder],
                             capture_output=True, text=True, check=False, cwd=build)
        if run.returncode != 0:
            raise AssertionError(run.stdout + run.stderr)
        cls.package, = cls.folder.glob("valence_*.deb")
        # A package database of its own: what is installed on this machine neither helps nor changes.
        cls.root = cls.folder / "root"
        (cls.root / "var/lib/dpkg/updates").mkdir(parents=True)
        (cls.root / "var/lib/dpkg/status").touch()
        run = subprocess.run(["dpkg", f"--root={cls.root}", "--force-not-root", "--force-depends", "--force-bad-path",
                              "--log=/dev/null", "-i", cls.package], capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise AssertionError(run.stdout + run.stderr)
        cls.unit = (cls.root / "usr/lib/systemd/system/valence.service").read_text()
        cls.command = re.search(r"ExecStart=(.*)", cls.unit)[1].split()

    def test_manual_pages_and_completions_are_where_the_shell_and_man_look(self):
        share = self.root / "usr/share"
        page = gzip.decompress((share / "man/man1/valence-models-pull.1.gz").read_bytes()).decode()
        self.assertIn("org/name@revision", page)
        for script in ("bash-completion/completions/valence", "zsh/vendor-completions/_valence",
                       "fish/vendor_completions.d/valence.fish"):
            self.assertIn("retry-for", (share / script).read_text(), script)

    def depends(self):
        run = subprocess.run(["dpkg-deb", "-f", self.package, "Depends"], capture_output=True, text=True, check=True)
        return {entry.split()[0] for entry in run.stdout.split(",")}

    def test_it_is_installed_and_holds_program_and_unit(self):
        run = subprocess.run(["dpkg-query", f"--admindir={self.root}/var/lib/dpkg", "-W", "-f", "${Status}", "valence"],
                             capture_output=True, text=True, check=True)
        self.assertEqual(run.stdout, "install ok installed")
        self.assertLessEqual({"libc6", "libcurl4", "libfmt9", "libsqlite3-0"}, self.depends())
        installed = self.root / self.command[0].lstrip("/")
        self.assertTrue(os.access(installed, os.X_OK))
        run = subprocess.run([installed, "--version"], capture_output=True, text=True, check=False)
        self.assertRegex(run.stdout, r"^valence \d+\.\d+\.\d+")
        self.assertFalse(list(self.root.glob("usr/include/**/*.h")))  # the library is another affair

    def test_the_image_has_every_library_of_the_package(self):
        dockerfile = (DEPLOY / "Dockerfile").read_text()
        in_the_base_image = {"libc6", "libgcc-s1", "libstdc++6"}
        self.assertEqual([name for name in sorted(self.depends() - in_the_base_image)
                          if not re.search(rf"\s{re.escape(name)}\s", dockerfile)], [])

    def test_lintian_finds_no_errors(self):
        if shutil.which("lintian") is None:
            self.skipTest("lintian is not installed (Debian: lintian)")
        run = subprocess.run(["lintian", "--allow-root", "--no-cfg", "--tag-display-limit", "0", self.package],
                             capture_output=True, text=True, check=False)
        # Whoever publishes packages has an address; the sources have none.
        self.assertEqual([line for line in run.stdout.splitlines()
                          if line.startswith("E:") and "bogus-mail-host" not in line], [], run.stdout)

    def test_the_units_command_serves_as_a_user_without_rights(self):
        if os.geteuid() != 0 or shutil.which("setpriv") is None:
            self.skipTest("only root can become the service's user")
        user = 64321  # of those that DynamicUser= takes; nobody has it
        state = self.folder / "state"
        environment = {"PATH": "/usr/bin:/bin"}
        for name, value in re.findall(r"(\w+)=(\S+)", re.search(r"Environment=(.*)", self.unit)[1]):
            directory = state / value.lstrip("/")
            directory.mkdir(parents=True, exist_ok=True)
            environment[name] = str(directory)
        for directory in (state / "var/lib/valence", state / "var/cache/valence"):  # StateDirectory=, CacheDirectory=
            directory.mkdir(parents=True, exist_ok=True)
            os.chown(directory, user, user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [str(self.root / self.command[0].lstrip("/")), *self.command[1:]]
        command[command.index("--port") + 1] = str(port)
        server = subprocess.Popen(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs",
                                   "--bounding-set=-all", *command, "--drain-delay-ms", "0"], env=environment, cwd="/",
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            for line in server.stdout:
                if "listening" in line:
                    break
            request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/classify", b'{"texts": ["I love it"]}',
                                             {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as reply:
                self.assertEqual(json.load(reply)["results"][0]["label"], "positive")
        finally:
            server.terminate()
            output = server.communicate(timeout=60)[0]
        self.assertEqual(server.returncode, 0, output)
        history = state / "var/lib/valence/history.db"
        self.assertEqual(history.stat().st_uid, user)


class Systemd(unittest.TestCase):
    def test_unit_has_no_complaints(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed (Debian: systemd)")
        with tempfile.TemporaryDirectory() as folder:
            unit = Path(folder, "valence.service")
            text = (DEPLOY / "systemd/valence.service").read_text()
            unit.write_text(text.replace("/usr/bin/valence", "/bin/true"))  # verify wants the program to be there
            run = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True,
                                 check=False)
            complaints = [line for line in run.stderr.splitlines() if "valence.service" in line]
            self.assertEqual(complaints, [])


if __name__ == "__main__":
    unittest.main()
