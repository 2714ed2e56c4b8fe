#include "bench/serve.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "valence/base/thread_pool.h"
#include "valence/bench/cpu_clock.h"
#include "valence/bench/peaks.h"
#include "valence/bench/read_bandwidth.h"
#include "valence/engine/batch_builder.h"
#include "valence/engine/batch_planner.h"
#include "valence/model/runner.h"

namespace valence::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Sequences = std::vector<std::vector<std::int32_t>>;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Pass {
  double seconds = 0;      // planning and packing included
  double cpu_seconds = 0;  // of the calling thread: less than `seconds` when others use its core
  std::int64_t tokens = 0;
  std::vector<double> batch_seconds;  // of each batch
  std::vector<float> logits;          // [sequences, num_labels], in the order given
};

enum class Turns {
  kSpread,    // batches over threads: the most tokens a second
  kOneByOne,  // the next batch when the last is done, all threads on it: the shortest time of each
};

/// Runs batches as engine/classifier.cpp does it, without its tokenizer.
class Server {
 public:
  Server(std::unique_ptr<EncoderRunner> runner, std::size_t threads)
      : runner_(std::move(runner)), pool_(threads), workers_(threads) {
    for (Worker& worker : workers_) worker.workspace = runner_->make_workspace();
  }

  [[nodiscard]] std::size_t threads() const { return pool_.size(); }

  Result<Pass> run(const Sequences& sequences, std::size_t batch_tokens, Turns turns) {
    const auto num_labels = static_cast<std::size_t>(runner_->spec().head.num_labels());
    Pass pass;
    pass.logits.resize(sequences.size() * num_labels);
    std::vector<std::uint32_t> lengths;
    for (const auto& sequence : sequences) {
      lengths.push_back(static_cast<std::uint32_t>(sequence.size()));
      pass.tokens += static_cast<std::int64_t>(sequence.size());
    }
    const auto start = Clock::now();
    const double cpu_start = thread_cpu_seconds();
    const BatchPlan plan = plan_batches(lengths, batch_tokens);
    pass.batch_seconds.resize(plan.size());
    std::vector<Status> statuses(plan.size());
    const auto run_one = [&](std::size_t index, std::size_t worker, ThreadPool* together) {
      const auto batch_start = Clock::now();
      statuses[index] = run_batch(sequences, plan[index], workers_[worker], together, pass.logits);
      pass.batch_seconds[index] = seconds_since(batch_start);
    };
    if (turns == Turns::kOneByOne) {
      for (std::size_t index = 0; index < plan.size(); ++index) run_one(index, 0, &pool_);
    } else {
      pool_.parallel_for(plan.size(), [&](std::size_t index, std::size_t worker) { run_one(index, worker, nullptr); });
    }
    pass.seconds = seconds_since(start);
    pass.cpu_seconds = thread_cpu_seconds() - cpu_start;
    for (const Status& status : statuses) VALENCE_TRY_STATUS(status);
    return pass;
  }

 private:
  struct Worker {
    std::unique_ptr<EncoderRunner::Workspace> workspace;
    BatchBuilder builder;
    std::vector<float> logits;
  };

  Status run_batch(const Sequences& sequences, const std::vector<std::uint32_t>& indices, Worker& worker,
                   ThreadPool* together, std::vector<float>& logits) const {
    const auto num_labels = static_cast<std::size_t>(runner_->spec().head.num_labels());
    worker.builder.clear();
    for (const std::uint32_t index : indices) worker.builder.add(sequences[index], {});
    worker.logits.resize(indices.size() * num_labels);
    const PackedBatch batch = worker.builder.batch();
    VALENCE_TRY_STATUS(together == nullptr ? runner_->run(batch, *worker.workspace, worker.logits)
                                           : runner_->run_together(batch, *worker.workspace, worker.logits, *together));
    for (std::size_t row = 0; row < indices.size(); ++row) {
      std::copy_n(worker.logits.begin() + static_cast<std::ptrdiff_t>(row * num_labels), num_labels,
                  logits.begin() + static_cast<std::ptrdiff_t>(indices[row] * num_labels));
    }
    return {};
  }

  std::unique_ptr<EncoderRunner> runner_;
  ThreadPool pool_;
  std::vector<Worker> workers_;
};

Result<Sequences> read_sequences(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::kNotFound, path, "cannot be read");
  Sequences sequences;
  for (std::string line; std::getline(file, line);) {
    std::istringstream ids(line);
    sequences.emplace_back(std::istream_iterator<std::int32_t>(ids), std::istream_iterator<std::int32_t>());
  }
  return sequences;
}

Result<std::string> answer_run(Server& server, const std::string& path, std::size_t batch_tokens, Turns turns) {
  VALENCE_TRY(const Sequences sequences, read_sequences(path));
  VALENCE_TRY(const Pass pass, server.run(sequences, batch_tokens, turns));
  return fmt::format(R"({{"seconds":{},"cpu_seconds":{},"tokens":{},"batch_seconds":[{}],"logits":[{}]}})",
                     pass.seconds, pass.cpu_seconds, pass.tokens, fmt::join(pass.batch_seconds, ","),
                     fmt::join(pass.logits, ","));
}

/// Gop/s of every register loop, and GB/s of reading from DRAM, with as many threads as the runs have.
std::string answer_peaks(std::size_t threads) {
  constexpr double kSeconds = 0.05;
  std::string json = "{";
  for (const Peak peak : runnable_peaks()) {
    json += fmt::format("\"{}\":{},", info(peak).name, measure_peak_gops(peak, threads, kSeconds));
  }
  const ReadProbe probe = read_probes(data_caches(), threads).back();
  return json + fmt::format("\"read_gbs\":{}}}", measure_read_gbs(probe.bytes_per_thread, threads, kSeconds));
}

Result<std::string> answer(Server& server, const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  std::size_t batch_tokens = 1;  // every text is longer than that, and runs alone
  std::string path;
  if ((verb != "run" || words >> batch_tokens) && words >> std::ws && std::getline(words, path)) {
    if (verb == "run") return answer_run(server, path, batch_tokens, Turns::kSpread);
    if (verb == "each") return answer_run(server, path, batch_tokens, Turns::kOneByOne);
  }
  if (verb == "peaks") return answer_peaks(server.threads());
  return fail(ErrorCode::kInvalidArgument, line, "expected run BATCH_TOKENS FILE, each FILE or peaks");
}

int report(const Error& error) {
  fmt::print(stderr, "error: {}\n", error.to_string());
  return 3;
}

}  // namespace

int serve(const ServeOptions& options) {
  auto model = load_model(options.model_dir);
  if (!model) return report(model.error());
  auto runner = make_runner(std::move(*model), {.precision = options.precision});
  if (!runner) return report(runner.error());
  fmt::print("{{\"precision\":\"{}\"}}\n", name((*runner)->precision()));
  std::fflush(stdout);
  Server server(std::move(*runner), options.threads);
  for (std::string line; std::getline(std::cin, line);) {
    const auto reply = answer(server, line);
    if (!reply) return report(reply.error());
    fmt::print("{}\n", *reply);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace valence::bench
