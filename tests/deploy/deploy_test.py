"""What lies in deploy/: checked by the tools of those it is for, where they are installed."""
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
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
    """`cpack -G DEB` of the build this test belongs to, unpacked into a folder."""

    def test_debian_package_holds_program_and_unit(self):
        build = os.environ.get("VALENCE_BUILD_DIR", "")
        for program in ("cpack", "dpkg", "dpkg-deb", "dpkg-shlibdeps"):
            if shutil.which(program) is None:
                self.skipTest(f"{program} is not installed (Debian: cmake, dpkg-dev)")
        if not Path(build, "valence").is_file():
            self.skipTest("VALENCE_BUILD_DIR names no build")
        with tempfile.TemporaryDirectory() as folder:
            run = subprocess.run(["cpack", "-G", "DEB", "--config", Path(build, "CPackConfig.cmake"), "-B", folder],
                                 capture_output=True, text=True, check=False, cwd=build)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            package, = Path(folder).glob("valence_*.deb")
            root = Path(folder, "root")
            subprocess.run(["dpkg", "-x", package, root], check=True)
            depends = subprocess.run(["dpkg-deb", "-f", package, "Depends"], capture_output=True, text=True, check=True)
            for library in ("libc6", "libcurl4", "libfmt9"):
                self.assertIn(library, depends.stdout)
            unit = (root / "usr/lib/systemd/system/valence.service").read_text()
            program = re.search(r"ExecStart=(/\S+)", unit)[1]
            installed = root / program.lstrip("/")
            self.assertTrue(os.access(installed, os.X_OK))
            run = subprocess.run([installed, "--version"], capture_output=True, text=True, check=False)
            self.assertRegex(run.stdout, r"^valence \d+\.\d+\.\d+")
            self.assertFalse(list(root.glob("usr/include/**/*.h")))  # the library is another affair


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
