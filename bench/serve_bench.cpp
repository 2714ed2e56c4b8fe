// What `valence serve` costs beside the model: CPU time of the server outside tokenize-to-scores, requests per second,
// latency of a single client. Starts build/valence (or the program in VALENCE_BINARY) with the built-in model and one
// compute thread, first with the history it keeps by default, in a temporary directory, then without, and loads it over
// loopback from one thread.
//
//   build/bench/serve_bench [SECONDS a measurement]
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/serve_load.h"

namespace {

using valence::bench::http_get;
using valence::bench::LoadReport;
using valence::bench::run_load;

constexpr const char* kText = "The delivery came late again, but the quality is better than I had expected for it.";
constexpr std::size_t kClients = 64;

/// A directory of its own, removed with all that is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "valence-serve-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The running program; ends with this.
class Server {
 public:
  Server(const std::string& program, bool history) {
    int pipe_ends[2];
    if (::pipe(pipe_ends) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
    ::posix_spawn_file_actions_addclose(&actions, pipe_ends[0]);
    std::vector<std::string> words{program, "serve", "--port", "0", "--threads", "1", "--max-queue-delay-ms",
                                   "600000"};  // nothing refused: all is work
    if (history) {
      words.insert(words.end(),
                   {"--history-db", directory_.path() / "history.db", "--spool-dir", directory_.path() / "spool"});
    } else {
      words.emplace_back("--no-history");
    }
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    if (::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ) != 0) {
      throw std::runtime_error("cannot start " + program);
    }
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(pipe_ends[1]);
    std::string text;
    char byte = 0;
    while (::read(pipe_ends[0], &byte, 1) == 1) {
      text += byte;
      const auto at = text.find("listening on ");
      if (byte == '\n' && at != std::string::npos) {
        port_ = static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
        break;
      }
    }
    if (port_ == 0) throw std::runtime_error("the server does not listen: " + text);
    err_ = pipe_ends[0];
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    ::kill(pid_, SIGINT);
    ::waitpid(pid_, nullptr, 0);
    ::close(err_);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  TemporaryDirectory directory_;
  pid_t pid_ = 0;
  int err_ = -1;
  std::uint16_t port_ = 0;
};

/// The sum over a metric's series.
double metric(const std::string& exposition, const std::string& name) {
  std::istringstream lines(exposition);
  std::string line;
  double sum = 0;
  while (std::getline(lines, line)) {
    if (line.starts_with(name) && (line[name.size()] == '{' || line[name.size()] == ' ')) {
      sum += std::stod(line.substr(line.rfind(' ') + 1));
    }
  }
  return sum;
}

std::string request(const std::string& method, const std::string& path, const std::string& body) {
  return fmt::format(
      "{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", method,
      path, body.size(), body);
}

std::string texts_body(std::size_t count) {
  std::string body = "{\"texts\":[";
  for (std::size_t i = 0; i < count; ++i) body += fmt::format("{}\"{}\"", i == 0 ? "" : ",", kText);
  return body + "]}";
}

struct Costs {
  double process = 0;  // CPU seconds of the server
  double compute = 0;  // of those, tokenize to scores
};

Costs costs(std::uint16_t port) {
  const std::string exposition = http_get(port, "/metrics");
  return {metric(exposition, "process_cpu_seconds_total"), metric(exposition, "valence_compute_cpu_seconds_total")};
}

void measure(std::uint16_t port, const char* name, const std::string& bytes, std::size_t clients, std::size_t texts,
             double seconds) {
  const Costs before = costs(port);
  const LoadReport report = run_load({.port = port, .request = bytes, .clients = clients, .seconds = seconds});
  const Costs after = costs(port);
  const auto answers = static_cast<double>(report.answers);
  const double own = after.process - before.process - (after.compute - before.compute);
  fmt::print(
      "{:<28} {:>9.0f}/s  p50 {:>7.3f} ms  p99 {:>7.3f} ms  server CPU {:>7.4f} ms a request, {:>7.4f} outside the "
      "model",
      name, report.per_second(), report.latency_ms(0.5), report.latency_ms(0.99),
      1000 * (after.process - before.process) / answers, 1000 * own / answers);
  if (texts > 1) fmt::print(", {:.2f} us a text", 1e6 * own / answers / static_cast<double>(texts));
  fmt::print("{}\n", report.others > 0 ? fmt::format("  ({} answers were no 200)", report.others) : "");
}

/// What the engine needs for one such text, by itself: the server's own stages, of one client.
void measure_single(std::uint16_t port, double seconds) {
  const std::string before = http_get(port, "/metrics");
  const LoadReport report = run_load(
      {.port = port, .request = request("POST", "/v1/classify", texts_body(1)), .clients = 1, .seconds = seconds});
  const std::string after = http_get(port, "/metrics");
  double engine_seconds = 0;
  for (const char* stage : {"tokenize", "infer", "post"}) {
    const std::string name = fmt::format("valence_stage_duration_seconds_sum{{stage=\"{}\"}}", stage);
    const auto value = [&](const std::string& text) {
      const auto at = text.find(name);
      return at == std::string::npos ? 0.0 : std::stod(text.substr(at + name.size()));
    };
    engine_seconds += value(after) - value(before);
  }
  const double engine_ms = 1000 * engine_seconds / static_cast<double>(report.answers + report.others);
  fmt::print("{:<28} {:>9.0f}/s  p50 {:>7.3f} ms  p99 {:>7.3f} ms  engine {:.3f} ms, so p50 is engine + {:.3f} ms\n",
             "one client, one text", report.per_second(), report.latency_ms(0.5), report.latency_ms(0.99), engine_ms,
             report.latency_ms(0.5) - engine_ms);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 3;
    if (argc > 2 || !(seconds > 0)) {
      fmt::print(stderr,
                 "usage: serve_bench [SECONDS]   of each measurement, above 0 [3]; VALENCE_BINARY: the program\n");
      return 2;
    }
    const char* const program = std::getenv("VALENCE_BINARY");
    for (const bool history : {true, false}) {
      fmt::print("{}\n", history ? "with the history of a default start" : "--no-history");
      const Server server(program != nullptr ? program : "build/valence", history);
      const std::string get = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
      measure(server.port(), "/health, 64 clients", get, kClients, 1, seconds);
      measure(server.port(), "one text, 64 clients", request("POST", "/v1/classify", texts_body(1)), kClients, 1,
              seconds);
      measure(server.port(), "32 texts, 64 clients", request("POST", "/v1/classify", texts_body(32)), kClients, 32,
              seconds);
      measure_single(server.port(), seconds);
    }
  } catch (const std::exception& failed) {
    fmt::print(stderr, "serve_bench: {}\n", failed.what());
    return 1;
  }
  return 0;
}
