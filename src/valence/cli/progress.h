/// \file
/// The progress line: rows or bytes, rate, time left.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "valence/cli/command.h"

namespace valence::cli {

struct ProgressState {
  std::uint64_t rows = 0;
  std::uint64_t failed = 0;
  std::uint64_t bytes_skipped = 0;           ///< of the inputs, dealt with by an earlier run (--resume)
  std::uint64_t bytes_done = 0;              ///< of the inputs, as they lie on disk, skipped ones included
  std::optional<std::uint64_t> bytes_total;  ///< absent for pipes
  std::chrono::duration<double> elapsed{0};
};

/// Of files that come over the network.
struct DownloadState {
  std::string file;                ///< the one that is arriving
  std::uint64_t bytes_before = 0;  ///< here when the run began
  std::uint64_t bytes_done = 0;    ///< here now, those included
  std::uint64_t bytes_total = 0;
  std::chrono::duration<double> elapsed{0};
};

/// Of a model that learns.
struct LearningState {
  std::int64_t step = 0;        ///< done
  std::int64_t first_step = 0;  ///< done before this run (--resume)
  std::int64_t total_steps = 0;
  double epoch = 0;
  double loss = 0;
  double learning_rate = 0;
  double tokens_per_second = 0;
  std::chrono::duration<double> elapsed{0};
};

/// "[#########-----------]  45 %  epoch 1.36  loss 0.4121  lr 2.7e-05  4,321 tokens/s  0:31  ETA 0:38". Pure.
[[nodiscard]] std::string render_progress(const LearningState& state, std::size_t width);

/// "[#########-----------]  45 %  120.6 of 268.0 MB  12.3 MB/s  ETA 0:12  model.safetensors". Pure, as the next.
[[nodiscard]] std::string render_progress(const DownloadState& state, std::size_t width);

/// One line of at most `width` columns without line end, e.g.
/// "[#########-----------]  45 %  12,345 rows  2 failed  1,234 rows/s  ETA 0:12". Pure.
[[nodiscard]] std::string render_progress(const ProgressState& state, std::size_t width);

/// "1,234,567"
[[nodiscard]] std::string with_thousands(std::uint64_t value);

/// "0:07", "12:34", "1:02:03"
[[nodiscard]] std::string clock_time(std::chrono::duration<double> duration);

/// Shows the state on stderr: redrawn in place ten times a second on a terminal, a line every ten seconds elsewhere,
/// nothing when quiet. Not thread-safe.
class Progress {
 public:
  enum class Style { kQuiet, kTerminal, kLines };
  explicit Progress(Style style);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  /// Fills in state.elapsed and draws if it is time.
  void update(ProgressState state);
  void update(DownloadState state);
  void update(LearningState state);
  /// Removes the line from the terminal, so that other output starts on a clean one.
  void clear();
  [[nodiscard]] std::chrono::duration<double> elapsed() const;

 private:
  template <class State>
  void show(State& state);

  Style style_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point next_;
  bool drawn_ = false;
};

/// Of a command that writes nothing else to the terminal meanwhile.
[[nodiscard]] Progress::Style progress_style(const GlobalOptions& global);

}  // namespace valence::cli
