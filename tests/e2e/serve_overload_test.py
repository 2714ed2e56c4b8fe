"""More than `valence serve` can do: refusals, deadlines, clients that leave."""
import concurrent.futures
import socket
import unittest

from serve_support import GOOD, Server


class Overload(unittest.TestCase):
    def test_a_full_queue_refuses_with_429_and_when_to_come_again(self):
        with Server("--max-queue", "2") as server:
            text = "This is a long text about many things. " * 60

            def one(_):
                status, headers, _ = server.request("POST", "/v1/classify", {"texts": [text] * 64})
                return status, headers.get("retry-after")

            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                answers = list(pool.map(one, range(48)))
            self.assertEqual({status for status, _ in answers}, {200, 429})
            self.assertTrue(all(int(after) >= 1 for status, after in answers if status == 429))
            refused = sum(status == 429 for status, _ in answers)
            self.assertEqual(server.metric('valence_refused_requests_total'), refused)

    def busy(self, pool, server):
        """Requests that keep the compute thread busy for a while, and have begun to."""
        text = "This is a long text about many things. " * 60
        slow = [pool.submit(server.request, "POST", "/v1/classify", {"texts": [text] * 64}, timeout=200) for _ in range(4)]
        while server.metric("valence_requests_in_flight") < 4:
            pass
        return slow

    def test_a_deadline_that_passes_in_the_queue_is_a_504(self):
        with Server("--max-queue-delay-ms", "600000", "--request-timeout-ms", "200000") as server:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                slow = self.busy(pool, server)
                status, reply = server.classify("I love it", timeout_ms=1)
                self.assertEqual((status, reply.get("error_type", "")), (504, "DeadlineExceeded"))
                self.assertEqual({future.result()[0] for future in slow}, {200})

    def test_requests_of_clients_that_left_are_not_computed(self):
        with Server("--max-queue-delay-ms", "600000", "--request-timeout-ms", "200000") as server:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                slow = self.busy(pool, server)
                for _ in range(20):
                    with socket.create_connection(("127.0.0.1", server.port)) as connection:
                        connection.sendall(GOOD)
                for future in slow:
                    self.assertEqual(future.result()[0], 200)
            _, _, metrics = server.request("GET", "/metrics")
            gone = [line for line in metrics.decode().splitlines() if 'reason="client_gone"' in line]
            self.assertGreaterEqual(float(gone[0].rsplit(" ", 1)[1]), 19)


if __name__ == "__main__":
    unittest.main()
