#include "valence/cli/signals.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace valence::cli {
namespace {

sigset_t watched_signals(bool hangup) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGUSR1);  // how the destructor wakes the watching thread
  if (hangup) sigaddset(&set, SIGHUP);
  return set;
}

void on_bus_error(int) {
  // Only async-signal-safe calls here.
  constexpr char kMessage[] =
      "error: a file became shorter while it was being read. Hint: do not change model files in use.\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  ::_exit(static_cast<int>(ExitCode::kBadInput));
}

}  // namespace

SignalWatcher::SignalWatcher(std::function<void()> on_hangup) : on_hangup_(std::move(on_hangup)) {
  std::signal(SIGBUS, on_bus_error);
  const sigset_t set = watched_signals(on_hangup_ != nullptr);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { watch(); });
}

void SignalWatcher::watch() {
  const sigset_t set = watched_signals(on_hangup_ != nullptr);
  int signal = 0;
  while (sigwait(&set, &signal) == 0) {
    if (ending_) return;
    if (signal == SIGUSR1) continue;
    if (signal == SIGHUP) {
      on_hangup_();
      continue;
    }
    int none = 0;
    if (!signal_.compare_exchange_strong(none, signal)) ::_exit(128 + signal);
    stop_ = true;
    signal_.notify_all();
  }
}

SignalWatcher::~SignalWatcher() {
  ending_ = true;
  pthread_kill(thread_.native_handle(), SIGUSR1);
  thread_.join();
}

ExitCode SignalWatcher::exit_code() const {
  return signal_.load() == SIGTERM ? ExitCode::kTerminated : ExitCode::kInterrupted;
}

}  // namespace valence::cli
