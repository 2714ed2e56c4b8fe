/// \file
/// gzip and zstd on the way out.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace valence::data {

enum class Compression { kNone, kGzip, kZstd };

/// By the suffix of a file's name, .gz or .zst in any case.
[[nodiscard]] Compression compression_of(std::string_view path);
/// The name without that suffix.
[[nodiscard]] std::string_view without_compression(std::string_view path);

/// One compressed stream, piece by piece; the same bytes for the same pieces. Not thread-safe.
class Compressor {
 public:
  virtual ~Compressor() = default;
  /// Appends to `out` what is ready; the rest is kept for later.
  virtual void add(std::string_view bytes, std::string& out) = 0;
  /// Appends the end of the stream. Nothing comes after it.
  virtual void finish(std::string& out) = 0;
};

/// Null for kNone. Throws std::bad_alloc where there is no memory for it.
[[nodiscard]] std::unique_ptr<Compressor> make_compressor(Compression compression);

}  // namespace valence::data
