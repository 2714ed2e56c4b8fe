/// \file
/// Whole-file reads and read-only maps. Errors name the path and the system's reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "valence/base/error.h"

namespace valence {

/// The bytes of a regular file of at most `max_size_bytes`. A directory, a missing or an over-large file is an error.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_size_bytes);

/// What read_file shows the file to, piece by piece: its bytes so far, of which earlier calls have seen `checked`.
using PieceCheck = std::function<Status(std::string_view so_far, std::size_t checked)>;

/// The same, with a look at each piece of the file before the next is read. A refusal ends the reading, so that a large
/// file that is wrong from its beginning costs neither its size in memory nor the time to read it.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_size_bytes, const PieceCheck& check);

/// Makes the entries of a directory durable; a file system that cannot is no reason to fail.
void sync_directory(const std::filesystem::path& path);

/// A regular file mapped read-only. The bytes live as long as this object; moving it does not move them.
///
/// Callers must expect that another process shortens the file while it is mapped: touching the lost pages raises
/// SIGBUS, which the program turns into an error exit (cli/signals).
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

  /// Gives back the memory of whole pages within `part`, which is not needed soon; reading it again reads the file. A
  /// part that lies elsewhere is left alone.
  void release(std::span<const std::byte> part) const;

 private:
  MappedFile(const std::byte* data, std::size_t size) : data_(data), size_(size) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace valence
