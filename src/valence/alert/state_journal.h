/// \file
/// A small map of keys to JSON values in one append-only file, which survives crashes and may be written by several
/// processes: a line a change, fsynced before put() returns, the last one of a key counts. A line that a crash cut
/// short is cut off. Rewritten when most of it is history.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "valence/base/descriptor.h"
#include "valence/base/error.h"
#include "valence/base/json_bounds.h"

namespace valence::alert {

/// Of values that hold a message's body.
inline constexpr JsonLimits kBodyLimits{.max_token_bytes = std::size_t{1} << 24U};

/// How long a process waits for another one that writes.
inline constexpr std::chrono::milliseconds kJournalLockWait{2000};

/// Not thread-safe; processes wait for each other, but not for ever: each function that reads or writes the file may be
/// kOverloaded, and may succeed later.
class StateJournal {
 public:
  struct Entry {
    std::string key;    ///< valid UTF-8
    std::string value;  ///< one JSON value without line ends; empty: the key is gone
  };

  /// Opens or makes the file and its directory. Errors are kIo, kInvalidData for a file that is no journal.
  static Result<StateJournal> open(std::filesystem::path path, std::chrono::milliseconds lock_wait = kJournalLockWait);

  /// All of them, or an error and perhaps some of them.
  Status put(const std::vector<Entry>& entries);
  /// What other processes have written since the last call of any function here.
  Result<std::vector<Entry>> refresh();
  [[nodiscard]] const std::map<std::string, std::string>& values() const { return values_; }
  /// Lines that could not be read and were left out, e.g. after a disk error.
  [[nodiscard]] std::uint64_t damaged_lines() const { return damaged_lines_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Leaves only what counts in the file: deleted texts are gone from it.
  Status compact();

 private:
  StateJournal(std::filesystem::path path, std::chrono::milliseconds lock_wait)
      : path_(std::move(path)), lock_wait_(lock_wait) {}
  Result<Descriptor> lock() const;
  /// Under the lock: the file that is at the path now, read to its end.
  Status catch_up(std::vector<Entry>* news);
  Status rewrite();

  std::filesystem::path path_;
  std::chrono::milliseconds lock_wait_;
  Descriptor file_;
  std::uint64_t inode_ = 0;
  std::uint64_t read_bytes_ = 0;
  std::uint64_t damaged_lines_ = 0;
  std::map<std::string, std::string> values_;
};

}  // namespace valence::alert
