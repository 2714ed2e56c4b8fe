"""TLS connections of `valence serve` that never come to a request."""
import signal
import socket
import tempfile
import time
import unittest

from serve_support import Server, certificate_files


class Handshakes(unittest.TestCase):
    def test_one_under_way_does_not_stop_the_server_from_ending(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = certificate_files(folder)
            with Server("--tls-cert", certificate, "--tls-key", key, "--drain-delay-ms", 0) as server:
                silent = socket.create_connection(("127.0.0.1", server.port), timeout=20)
                begun = socket.create_connection(("127.0.0.1", server.port), timeout=20)
                begun.sendall(b"\x16\x03\x01\x02\x00")  # the header of a record that never comes
                begin = time.monotonic()
                server.process.send_signal(signal.SIGTERM)
                self.assertEqual(server.process.wait(30), 0)
                self.assertLess(time.monotonic() - begin, 10)
                for connection in (silent, begun):
                    self.assertEqual(connection.recv(1), b"")
                    connection.close()


if __name__ == "__main__":
    unittest.main()
