"""valence config: init, check, show; valence completion; valence man. What they say is read with Python's own TOML reader."""
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from support import InTemporaryFolder, valence

try:
    import tomllib
except ModuleNotFoundError:  # before Python 3.11
    tomllib = None

CANARY = "canary-7f3a"


class Config(InTemporaryFolder):
    def setUp(self):
        if tomllib is None:
            self.skipTest("reading TOML needs Python 3.11")
        super().setUp()
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder),
                            "XDG_CONFIG_HOME": str(self.folder / "config")}

    def valence(self, *args, **environment):
        return valence(*args, env={**self.environment, **environment})

    def shown(self, *args, **environment):
        result = self.valence(*args, **environment)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return tomllib.loads(result.stdout.decode())

    def errors(self, content, name="valence.toml"):
        """(line, column, message) of every mistake."""
        path = self.file(name, content)
        result = self.valence("config", "check", path)
        self.assertEqual(result.returncode, 2, result.stdout.decode())
        found = []
        for line in result.stderr.decode().splitlines():
            match = re.fullmatch(rf"error: {re.escape(str(path))}:(\d+):(\d+): (.*)", line)
            self.assertTrue(match, line)
            found.append((int(match[1]), int(match[2]), match[3]))
        return found


class Show(Config):
    def test_built_in_values_have_the_kinds_of_their_options(self):
        settings = self.shown("config", "show")
        self.assertEqual((settings["serve"]["port"], settings["serve"]["host"]), (8080, "127.0.0.1"))
        self.assertEqual(settings["serve"]["insecure"], False)
        self.assertEqual(settings["serve"]["max-queue"], 512)
        self.assertEqual(settings["classify"]["hypothesis-template"], "This example is {}.")
        self.assertEqual(settings["alerts"]["group_wait"], "30s")
        for section in ("classify", "train", "eval", "models-pull", "models-quantize", "history-query", "doctor"):
            self.assertIn(section, settings)

    def test_every_option_of_help_is_a_setting_unless_it_is_of_one_run(self):
        help_text = self.valence("serve", "--help").stdout.decode()
        options = {name for name in re.findall(r"--([a-z][a-z-]+)", help_text.split("Network:")[1])}
        text = self.valence("config", "show", "serve").stdout.decode()
        settings = set(re.findall(r"(?m)^(?:# )?([a-z-]+)(?: = | is not set)", text))
        self.assertEqual(options - settings, set())
        for one_run in ("output", "text", "resume"):
            self.assertNotIn(f"\n{one_run} ", self.valence("config", "show", "classify").stdout.decode())

    def test_each_says_where_it_comes_from(self):
        self.file("config/valence/config.toml", "[serve]\nport = 9000\nhost = \"::1\"\nstore_text = 'full'\n")
        strong = self.file("strong.toml", "\n[serve]\nhost = 'localhost'\n")
        result = self.valence("--config", strong, "config", "show", "serve", "--origin",
                              VALENCE_SERVE_MAX_QUEUE="7")
        text = result.stdout.decode()
        serve = tomllib.loads(text)["serve"]
        self.assertEqual((serve["host"], serve["port"], serve["max-queue"], serve["store-text"]),
                         ("localhost", 9000, 7, "full"))
        origins = dict(re.findall(r"(?m)^([a-z-]+) = .*?  # (.*)$", text))
        self.assertEqual(origins["host"], f"{strong}:3:8")
        self.assertEqual(origins["port"], f"{self.folder}/config/valence/config.toml:2:8")
        self.assertEqual(origins["max-queue"], "environment VALENCE_SERVE_MAX_QUEUE")
        self.assertEqual(origins["max-queue-delay-ms"], "built-in")

    def test_what_is_shown_has_the_same_effect(self):
        first = self.file("first.toml", "[classify]\nlabels = ['a \"b\"', '1', 'c\\n']\ntop-k = 'all'\nabstain = true\n")
        second = self.file("second.toml", self.valence("--config", first, "config", "show").stdout)
        one, two = (self.shown("--config", path, "config", "show")["classify"] for path in (first, second))
        self.assertEqual(one, two)
        self.assertEqual(one["labels"], ['a "b"', 1, "c\\n"])

    def test_secrets_are_not_shown(self):
        path = self.file("valence.toml", f"""
[serve]
history-db = "postgresql://app:{CANARY}@db.example/valence"
[history-query]
history-db = "host=db.example password={CANARY} user=app"
[alerts]
rules = ["negative > 10% of last 100 -> slack, ops"]
[alerts.receivers.slack]
url = "https://hooks.slack.com/services/T0/B0/{CANARY}"
[alerts.receivers.ops]
kind = "webhook"
url = "https://ops.example.com/{CANARY}"
key = "{CANARY}"
timeout = "3s"
""")
        for extra in ((), ("--origin",)):
            result = self.valence("--config", path, "config", "show", *extra)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertNotIn(CANARY.encode(), result.stdout + result.stderr)
            settings = tomllib.loads(result.stdout.decode())
            self.assertEqual(settings["serve"]["history-db"], "postgresql://app:***@db.example/valence")
            self.assertEqual(settings["history-query"]["history-db"], "host=db.example password=*** user=app")
            self.assertEqual(settings["alerts"]["receivers"]["ops"],
                             {"kind": "webhook", "url": "***", "key": "***", "timeout": "3s"})

    def test_unknown_sections_and_keys_are_refused(self):
        self.assert_refused(self.valence("config", "show", "sreve"), 2, 'did you mean "serve"')
        path = self.file("valence.toml", "[serve]\nprot = 1\n")
        self.assert_refused(self.valence("--config", path, "config", "show"), 2, ":2:1", 'did you mean "port"')
        self.assert_refused(self.valence("config", "show", VALENCE_SERVE_PROT="1"), 2, "did you mean VALENCE_SERVE_PORT")


class Init(Config):
    def test_file_is_written_once(self):
        path = self.folder / "config/valence/config.toml"
        self.assertEqual(self.valence("config", "init").returncode, 0)
        written = path.read_text()
        path.write_text(written + "\n# mine\n")
        self.assert_refused(self.valence("config", "init"), 2, "--yes")
        self.assertIn("# mine", path.read_text())
        for sure in ("--yes", "--force"):
            self.assertEqual(self.valence("config", "init", sure).returncode, 0)
            self.assertEqual(path.read_text(), written)

    def test_it_changes_nothing_as_it_is_nor_with_every_default_written_out(self):
        built_in = self.shown("config", "show")
        text = self.valence("config", "init", "-o", "-").stdout.decode()
        as_it_is = self.file("as_it_is.toml", text)
        written_out = self.file("written_out.toml", re.sub(r"(?m)^#(?=[a-z])", "", text))
        self.assertGreater(len(tomllib.loads(written_out.read_text())["serve"]), 10)
        for path in (as_it_is, written_out):
            result = self.valence("config", "check", path)
            self.assertEqual(result.returncode, 0, result.stderr.decode())
            self.assertEqual(self.shown("--config", path, "config", "show"), built_in)

    def test_every_setting_is_in_it(self):
        text = self.valence("config", "init", "-o", "-").stdout.decode()
        shown = self.valence("config", "show").stdout.decode()
        keys = lambda lines, pattern: re.findall(pattern, lines)
        self.assertEqual(re.findall(r"(?m)^\[([a-z-]+)\]", text), re.findall(r"(?m)^\[([a-z-]+)\]", shown))
        for name in set(keys(shown, r"(?m)^# ([a-z-]+) is not set")):
            self.assertRegex(text, rf"(?m)^# {name} = ")


class Check(Config):
    def test_every_mistake_has_its_line_and_column(self):
        found = self.errors("""[serve]
prot = 9000
port = "abc"
max-queue = 0
store-text = "some"
  host = { a = 1 }
[clasify]
[classify]
top-k = "most"
threshold = 2.5
""")
        self.assertEqual([(line, column) for line, column, _ in sorted(found)],
                         [(2, 1), (3, 8), (4, 13), (5, 14), (6, 10), (7, 2), (9, 9), (10, 13)])
        text = "\n".join(message for _, _, message in found)
        for needle in ('"prot"', 'did you mean "port"', '"abc"', "none, hash, full", "clasify", 'did you mean "classify"',
                       '"most"', "2.5"):
            self.assertIn(needle, text)

    def test_alert_rules_are_part_of_it(self):
        found = self.errors("""[alerts]
rulez = 1
rules = ["negative > 10% of last 100 -> slack",
         "negative > ten of last 100 -> slack"]
group_wait = "soon"
[alerts.receivers.slack]
url = "https://hooks.slack.com/services/T0/B0/canary-7f3a"
timeuot = "1s"
""")
        self.assertEqual([line for line, _, _ in sorted(found)], [2, 4, 5, 8])
        self.assertNotIn(CANARY, str(found))

    def test_broken_toml_and_missing_files(self):
        self.assertEqual(self.errors("[serve\nport = 1\n")[0][0], 1)
        self.assert_refused(self.valence("config", "check", self.folder / "absent.toml"), 2, "absent.toml")

    def test_files_that_settings_name_are_looked_at(self):
        keys = self.file("keys.txt", "write me something\n")
        line, column, message = self.errors(f'[serve]\nhost = "0.0.0.0"\napi-key-file = "{keys}"\n')[0]
        self.assertEqual((line, column), (3, 16))
        self.assertIn("keys.txt", message)

    def test_good_files_pass_and_those_in_effect_are_checked(self):
        self.file("config/valence/config.toml", "[serve]\nport = 0\n[models-pull]\nretry_for = 5\n")
        result = self.valence("config", "check")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("config.toml: all right", result.stdout.decode())
        self.assertEqual(self.valence("config", "check", XDG_CONFIG_HOME=str(self.folder / "none")).returncode, 0)


class Completion(Config):
    def bash(self, *words):
        """What bash offers after these words of a command line, the last one unfinished."""
        script = self.valence("completion", "bash").stdout.decode()
        line = " ".join(f"'{word}'" for word in words)
        run = subprocess.run(["bash", "-c", f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _valence; "
                              'printf "%s\\n" "${COMPREPLY[@]}"'], capture_output=True, text=True, check=True)
        return run.stdout.split()

    def test_bash_completes_commands_and_options(self):
        self.assertEqual(self.bash("valence", "cla"), ["classify"])
        self.assertEqual(self.bash("valence", "models", "qu"), ["quantize"])
        self.assertEqual(self.bash("valence", "serve", "--tls"), ["--tls-cert", "--tls-key"])
        self.assertEqual(self.bash("valence", "-q", "models", "pull", "--retry"), ["--retry-for"])
        self.assertIn("--config", self.bash("valence", "serve", "--c"))
        self.assertNotIn("--tls-key", self.bash("valence", "classify", "--t"))

    def test_scripts_of_other_shells_parse(self):
        for shell in ("zsh", "fish"):
            script = self.valence("completion", shell)
            self.assertEqual(script.returncode, 0)
            self.assertIn(b"max-queue", script.stdout)
            if shutil.which(shell):
                subprocess.run([shell, "-n", self.file(f"completion.{shell}", script.stdout)], check=True)
        self.assert_refused(self.valence("completion", "csh"), 2, "bash, zsh, fish")


class Manual(Config):
    def pages(self):
        """name -> text, of every command."""
        self.assertEqual(self.valence("man", "--output-dir", str(self.folder)).returncode, 0)
        return {path.name: path.read_text() for path in self.folder.glob("*.1")}

    def test_every_command_has_a_page_with_all_that_its_help_lists(self):
        pages = self.pages()
        self.assertIn("valence.1", pages)
        self.assertIn("valence-models-pull.1", pages)
        for name, page in pages.items():
            words = name.removesuffix(".1").split("-")[1:]
            told = self.valence(*words, "--help").stdout.decode()
            options = set(re.findall(r"^  (?:-\w,)?(--[a-z][a-z0-9-]*)", told, re.MULTILINE))
            plain = page.replace("\\-", "-")
            self.assertLessEqual(options, set(re.findall(r"\\fB(--[a-z0-9-]+)", plain)), name)
            self.assertIn("--help", options)
            self.assertEqual(self.valence("man", *words).stdout.decode(), page)

    def test_pages_are_roff_without_a_fault(self):
        checkers = {"groff": ["-man", "-ww", "-b", "-z", "-Tascii"], "mandoc": ["-Tlint", "-Wwarning"]}
        found = [name for name in checkers if shutil.which(name)]
        if not found:
            self.skipTest("neither groff nor mandoc is installed")
        for name in self.pages():
            for checker in found:
                run = subprocess.run([checker, *checkers[checker], str(self.folder / name)], capture_output=True, text=True, check=False)
                complaints = [line for line in (run.stdout + run.stderr).splitlines() if "missing date" not in line]
                self.assertEqual(complaints, [], name)

    def test_exit_codes_are_those_of_the_documentation(self):
        documented = (Path(__file__).parents[2] / "docs/exit-codes.md").read_text()
        codes = set(re.findall(r"^\| (\d+) \|", documented, re.MULTILINE))
        section = self.pages()["valence.1"].split(".SH EXIT STATUS")[1].split(".SH")[0]
        self.assertEqual(set(re.findall(r"\b\d+\b", section)), codes)
        self.assertIn("70", codes)

    def test_an_unknown_command_is_refused_with_those_there_are(self):
        self.assert_refused(self.valence("man", "models", "pul"), 2, "pul", "valence models", "pull")
        self.assert_refused(self.valence("man", "--output-dir", str(self.folder / "none" / "none")), 5, "none")


if __name__ == "__main__":
    unittest.main()
