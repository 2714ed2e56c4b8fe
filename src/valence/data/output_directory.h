/// \file
/// `-o DIR` for results of several files: nothing appears under its final name before all of it is whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"

namespace valence::data {

/// A new directory, written as `DIR.partial` and renamed by commit(). Unless committed, the destructor removes what was
/// written: half a directory is of no use.
class OutputDirectory {
 public:
  /// Whether open() could make `path`: it must be absent or an empty directory, in a directory that is there and
  /// writable. For commands that work for a while before they write.
  static Status check(const std::filesystem::path& path);
  /// Errors: as check(), or `path.partial` is in the way, left by a run that was killed or in use by another.
  static Result<OutputDirectory> open(const std::filesystem::path& path);

  OutputDirectory(OutputDirectory&& other) noexcept;
  OutputDirectory& operator=(OutputDirectory&&) = delete;
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;
  ~OutputDirectory();

  /// A file of these bytes, one piece after the other; on the disk when it returns.
  Status write(const std::string& name, std::span<const std::span<const std::byte>> pieces);
  Status write(const std::string& name, std::string_view text);

  /// Where the files lie until commit().
  [[nodiscard]] const std::filesystem::path& partial() const { return partial_; }
  Status commit();

 private:
  OutputDirectory(std::filesystem::path target, std::filesystem::path partial)
      : target_(std::move(target)), partial_(std::move(partial)) {}

  std::filesystem::path target_;
  std::filesystem::path partial_;  // empty: committed, or moved from
  std::vector<std::filesystem::path> written_;
};

}  // namespace valence::data
