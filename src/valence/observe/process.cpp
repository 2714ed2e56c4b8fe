#include <sys/resource.h>
#include <sys/times.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "valence/observe/metrics.h"

namespace valence::observe {
namespace {

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  statm >> pages >> pages;  // the second number is of resident pages (proc(5))
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double entries(const char* directory) {
  std::error_code failed;
  const std::filesystem::directory_iterator listing(directory, failed);
  return failed ? 0 : static_cast<double>(std::distance(begin(listing), end(listing)));
}

}  // namespace

void expose_process(Metrics& metrics) {
  const auto start = std::chrono::system_clock::now().time_since_epoch();
  metrics.gauge(Metric::kProcessStartTime).set(std::chrono::duration<double>(start).count());
  const Counter cpu = metrics.counter(Metric::kProcessCpuSeconds);
  const Gauge resident = metrics.gauge(Metric::kProcessResidentBytes);
  const Gauge descriptors = metrics.gauge(Metric::kProcessOpenFds);
  const Gauge threads = metrics.gauge(Metric::kProcessThreads);
  metrics.on_expose([=, told = 0.0]() mutable {
    const double used = cpu_seconds();
    if (used > told) cpu.add(used - told);
    told = std::max(told, used);
    resident.set(resident_bytes());
    descriptors.set(entries("/proc/self/fd"));
    threads.set(entries("/proc/self/task"));
  });
}

}  // namespace valence::observe
