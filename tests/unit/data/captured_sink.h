/// \file
/// A sink whose output a test can read back.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "valence/data/output_sink.h"

namespace valence::testing {

class CapturedSink {
 public:
  CapturedSink() : fd_(::memfd_create("captured", MFD_CLOEXEC)), sink_(fd_, "out") {}
  CapturedSink(const CapturedSink&) = delete;
  CapturedSink& operator=(const CapturedSink&) = delete;
  ~CapturedSink() { ::close(fd_); }

  data::OutputSink& sink() { return sink_; }
  [[nodiscard]] std::string written() const {
    std::string all(static_cast<std::size_t>(::lseek(fd_, 0, SEEK_END)), '\0');
    all.resize(static_cast<std::size_t>(::pread(fd_, all.data(), all.size(), 0)));
    return all;
  }

 private:
  int fd_;
  data::OutputSink sink_;
};

}  // namespace valence::testing
