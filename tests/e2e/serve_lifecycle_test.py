"""`valence serve` while models are swapped and while it ends."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from serve_support import Server, ask
from support import write_tiny_model


class Swap(unittest.TestCase):
    def test_models_are_swapped_under_load_without_a_failed_request(self):
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "model"
            write_tiny_model(model)
            with Server("-m", "default", "-m", f"tiny={model}") as server:
                stop = threading.Event()
                seen = []

                def load():
                    connection = server.connect()
                    while not stop.is_set():
                        status, headers, text = ask(connection, "POST", "/v1/classify", {"model": "tiny", "texts": ["good bad"] * 4})
                        reply = json.loads(text)
                        seen.append((status, headers.get("x-model-sha"), reply.get("model_version"),
                                     tuple(result.get("score") for result in reply.get("results", []))))
                    connection.close()

                threads = [threading.Thread(target=load) for _ in range(4)]
                for thread in threads:
                    thread.start()
                for i in range(10):
                    if i % 5 == 4:
                        (model / "config.json").rename(model / "config.away")
                        self.assertEqual(server.request("POST", "/v1/models/tiny/reload")[0], 424)
                        (model / "config.away").rename(model / "config.json")
                    else:
                        # By renaming: the file that is being read from stays as it is.
                        other = write_tiny_model(Path(folder) / "other", seed=i)
                        os.replace(other / "model.safetensors", model / "model.safetensors")
                        self.assertEqual(server.request("POST", "/v1/models/tiny/reload")[0], 200)
                server.process.send_signal(signal.SIGHUP)
                time.sleep(0.5)
                stop.set()
                for thread in threads:
                    thread.join()
            self.assertEqual({status for status, *_ in seen}, {200})
            by_version = {}
            for _, sha, version, scores in seen:
                self.assertEqual(sha, version)
                self.assertEqual(len(set(scores)), 1)  # all of one model
                self.assertEqual(by_version.setdefault(version, scores[0]), scores[0])
            self.assertGreater(len(by_version), 3)


class Drain(unittest.TestCase):
    def test_readyz_says_so_at_once_while_requests_are_still_served(self):
        with Server("--drain-delay-ms", "1500") as server:
            server.process.send_signal(signal.SIGTERM)
            begin = time.monotonic()
            while server.request("GET", "/readyz")[0] != 503:
                self.assertLess(time.monotonic() - begin, 1)
            self.assertEqual(server.classify("I love it")[0], 200)
            self.assertEqual(server.request("GET", "/livez")[0], 200)
            self.assertEqual(server.process.wait(30), 0)

    def test_a_second_signal_ends_it_at_once(self):
        with Server("--drain-delay-ms", "20000") as server:
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            begin = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(10), 143)
            self.assertLess(time.monotonic() - begin, 1)

    def test_as_the_first_process_of_a_container_it_still_drains(self):
        # Process 1 has no default handling of signals: what it does not handle is dropped, and `docker stop` would kill.
        prefix = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
        if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
            self.skipTest("no namespaces for processes here: unshare is missing or not allowed")
        if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
            self.skipTest("this kernel does not list the children of a process")
        with Server("--drain-delay-ms", "0", prefix=prefix) as server:
            outside = server.process.pid
            inside = int(Path(f"/proc/{outside}/task/{outside}/children").read_text())
            self.assertEqual(Path(f"/proc/{inside}/status").read_text().split("NSpid:")[1].split()[1], "1")
            self.assertEqual(server.classify("I love it")[0], 200)
            os.kill(inside, signal.SIGTERM)
            self.assertEqual(server.process.wait(30), 0)


if __name__ == "__main__":
    unittest.main()
