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

/// What a directory that is there already means.
enum class Existing {
  kRefused,   ///< an error unless it is empty
  kReplaced,  ///< commit() puts the new one in its place, if it holds nothing but files
};

/// A new directory, written as `DIR.partial` and renamed by commit(). Unless committed, the destructor removes what was
/// written: half a directory is of no use.
class OutputDirectory {
 public:
  /// Whether open() could make `path`: it must be absent or an empty directory (or see Existing), in a directory that
  /// is there and writable. For commands that work for a while before they write.
  static Status check(const std::filesystem::path& path, Existing existing = Existing::kRefused);
  /// Errors: as check(), or `path.partial` is in the way, left by a run that was killed or in use by another.
  static Result<OutputDirectory> open(const std::filesystem::path& path, Existing existing = Existing::kRefused);

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
  /// At every moment there is the old directory or the new one, whole, under the name; on file systems that cannot
  /// exchange two directories, for a moment neither, and the old one beside it as `path.old`.
  Status commit();

 private:
  OutputDirectory(std::filesystem::path target, std::filesystem::path partial, Existing existing)
      : target_(std::move(target)), partial_(std::move(partial)), existing_(existing) {}
  Status replace();

  std::filesystem::path target_;
  std::filesystem::path partial_;  // empty: committed, or moved from
  Existing existing_;
  std::vector<std::filesystem::path> written_;
};

}  // namespace valence::data
