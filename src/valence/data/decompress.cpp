#include "valence/data/decompress.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "valence/base/check.h"
#include "valence/data/peeked_source.h"

namespace valence::data {
namespace {

constexpr std::string_view kGzipMagic = "\x1F\x8B";
constexpr std::string_view kZstdMagic = "\x28\xB5\x2F\xFD";
constexpr std::size_t kCompressedBytes = std::size_t{64} << 10;

/// What gzip and zstd share: compressed bytes are read when the decoder can do nothing without more.
class ExpandingSource : public ByteSource {
 public:
  ExpandingSource(std::unique_ptr<ByteSource> inner, std::string name, std::string_view format)
      : inner_(std::move(inner)), name_(std::move(name)), format_(format), compressed_(kCompressedBytes) {}

  Result<ReadOutcome> read(std::span<char> buffer, Wait wait) override {
    while (true) {
      // First without new input: the decoder may hold bytes that the last buffer had no room for.
      VALENCE_TRY(const std::size_t expanded, expand(buffer));
      if (expanded > 0) return ReadOutcome{ReadState::kData, expanded};
      if (!unread_.empty()) continue;
      VALENCE_TRY(const ReadOutcome outcome, inner_->read(compressed_, wait));
      if (outcome.state == ReadState::kWouldBlock) return outcome;
      if (outcome.state == ReadState::kEnd) {
        if (between_streams_) return outcome;
        return fail(ErrorCode::kInvalidData, name_, fmt::format("{} data ends too soon, at byte {}", format_, offset_),
                    "the file was not copied whole: fetch it again");
      }
      unread_ = std::string_view(compressed_.data(), outcome.size_bytes);
    }
  }

  [[nodiscard]] std::uint64_t bytes_read() const override { return inner_->bytes_read(); }
  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override { return inner_->size_bytes(); }

 protected:
  /// Expands from unread_ into `buffer`, taking or giving at least a byte unless unread_ is empty and nothing is held.
  virtual Result<std::size_t> expand(std::span<char> buffer) = 0;

  [[nodiscard]] std::string_view unread() const { return unread_; }
  void take(std::size_t size_bytes) {
    unread_.remove_prefix(size_bytes);
    offset_ += size_bytes;
  }
  void set_between_streams(bool between) { between_streams_ = between; }
  [[nodiscard]] bool between_streams() const { return between_streams_; }
  [[nodiscard]] tl::unexpected<Error> damaged(std::string_view why) const {
    return fail(ErrorCode::kInvalidData, name_, fmt::format("damaged {} data at byte {}: {}", format_, offset_, why));
  }

 private:
  std::unique_ptr<ByteSource> inner_;
  std::string name_;
  std::string_view format_;
  std::vector<char> compressed_;
  std::string_view unread_;      // within compressed_
  std::uint64_t offset_ = 0;     // compressed bytes that the decoder has taken
  bool between_streams_ = true;  // an end here is the end, not a loss
};

class GzipSource : public ExpandingSource {
 public:
  GzipSource(std::unique_ptr<ByteSource> inner, std::string name)
      : ExpandingSource(std::move(inner), std::move(name), "gzip") {
    constexpr int kGzipOnly = 16;
    const int status = ::inflateInit2(&stream_, MAX_WBITS + kGzipOnly);
    VALENCE_ASSERT(status == Z_OK, "zlib starts with valid arguments and memory");
  }
  ~GzipSource() override { ::inflateEnd(&stream_); }

 protected:
  Result<std::size_t> expand(std::span<char> buffer) override {
    if (between_streams()) {
      // Tapes and some tools pad the last member with zeros; gzip(1) ignores them too.
      const std::size_t padding = std::min(unread().find_first_not_of('\0'), unread().size());
      take(started_ ? padding : 0);
      if (unread().empty()) return 0;
      started_ = true;
      ::inflateReset(&stream_);
      set_between_streams(false);
    }
    const std::string_view in = unread();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(buffer.size(), 1U << 30));
    const uInt room = stream_.avail_out;
    const int status = ::inflate(&stream_, Z_NO_FLUSH);
    take(in.size() - stream_.avail_in);
    const std::size_t expanded = room - stream_.avail_out;
    if (status == Z_STREAM_END) {
      set_between_streams(true);
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      if (expanded > 0) return expanded;  // the same error comes again, after these
      return damaged(stream_.msg != nullptr ? stream_.msg : "not a gzip stream");
    }
    return expanded;
  }

 private:
  z_stream stream_{};
  bool started_ = false;
};

class ZstdSource : public ExpandingSource {
 public:
  ZstdSource(std::unique_ptr<ByteSource> inner, std::string name)
      : ExpandingSource(std::move(inner), std::move(name), "zstd"), context_(::ZSTD_createDCtx()) {
    VALENCE_ASSERT(context_ != nullptr, "zstd starts with memory");
  }
  ~ZstdSource() override { ::ZSTD_freeDCtx(context_); }

 protected:
  Result<std::size_t> expand(std::span<char> buffer) override {
    // zstd takes several calls without input or output for a caller's bug, so it is asked only when it has either.
    if (unread().empty() && !filled_buffer_) return 0;
    const std::string_view bytes = unread();
    ZSTD_inBuffer in{.src = bytes.data(), .size = bytes.size(), .pos = 0};
    ZSTD_outBuffer out{.dst = buffer.data(), .size = buffer.size(), .pos = 0};
    const std::size_t status = ::ZSTD_decompressStream(context_, &out, &in);
    if (::ZSTD_isError(status) != 0U) return damaged(::ZSTD_getErrorName(status));
    take(in.pos);
    set_between_streams(status == 0);
    filled_buffer_ = out.pos == out.size;
    return out.pos;
  }

 private:
  ZSTD_DCtx* context_;
  bool filled_buffer_ = false;  // so there may be more that needs no input
};

}  // namespace

Result<std::unique_ptr<ByteSource>> expand_if_compressed(std::unique_ptr<ByteSource> source, const std::string& name) {
  auto peeked = std::make_unique<PeekedSource>(std::move(source));
  VALENCE_TRY(const std::string_view start, peeked->peek_while([](std::string_view bytes) {
    return may_become(bytes, kGzipMagic) || may_become(bytes, kZstdMagic);
  }));
  if (start.starts_with(kGzipMagic)) return std::make_unique<GzipSource>(std::move(peeked), name);
  if (start.starts_with(kZstdMagic)) return std::make_unique<ZstdSource>(std::move(peeked), name);
  for (const auto& [suffix, format] : {std::pair{".gz", "gzip"}, std::pair{".zst", "zstd"}}) {
    if (!name.ends_with(suffix)) continue;
    if (start.empty()) return fail(ErrorCode::kInvalidData, name, fmt::format("is empty, expected {} data", format));
    return fail(ErrorCode::kInvalidData, name, fmt::format("is named {} but holds no {} data", suffix, format),
                "rename it if it is not compressed");
  }
  return peeked;
}

}  // namespace valence::data
