/// \file
/// Ctrl-C and SIGTERM as a request to stop; a second one ends the program at once.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "valence/cli/exit_code.h"

namespace valence::cli {

/// Make one before any other thread starts: it blocks both signals in the calling thread, whose later threads inherit
/// that, and waits for them on a thread of its own. Also: SIGBUS, which
/// a mapped file raises when another process shortens it, ends the program with an error message instead of a crash.
class SignalWatcher {
 public:
  SignalWatcher() : SignalWatcher(nullptr) {}
  /// SIGHUP calls `on_hangup`, on the watching thread, instead of ending the program.
  explicit SignalWatcher(std::function<void()> on_hangup);
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;
  ~SignalWatcher();

  /// Raised by the first signal; waiting reads and writes watch it. Others may raise it too (pipeline::run does).
  [[nodiscard]] std::atomic<bool>& stop() { return stop_; }
  /// A signal has come, whoever else raised the flag.
  [[nodiscard]] bool signalled() const { return signal_.load() != 0; }
  /// Returns when the flag is raised by a signal.
  void wait() const { signal_.wait(0); }
  /// kInterrupted or kTerminated; only after signalled().
  [[nodiscard]] ExitCode exit_code() const;

 private:
  void watch();

  std::function<void()> on_hangup_;
  std::atomic<bool> stop_{false};
  std::atomic<int> signal_{0};
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace valence::cli
