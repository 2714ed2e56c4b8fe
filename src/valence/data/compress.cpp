#include "valence/data/compress.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "valence/base/check.h"

namespace valence::data {
namespace {

constexpr std::array<std::pair<std::string_view, Compression>, 2> kSuffixes{
    {{".gz", Compression::kGzip}, {".zst", Compression::kZstd}}};
constexpr std::size_t kChunkBytes = std::size_t{64} << 10;

bool ends_with_any_case(std::string_view name, std::string_view suffix) {
  if (name.size() < suffix.size()) return false;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(name.substr(name.size() - suffix.size()), suffix, {}, lower);
}

class GzipCompressor : public Compressor {
 public:
  GzipCompressor() {
    constexpr int kGzipHeader = 16;  // added to the window's size, as zlib wants to be told
    constexpr int kMemoryLevel = 8;  // zlib's own
    const int made = ::deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzipHeader, kMemoryLevel,
                                    Z_DEFAULT_STRATEGY);
    if (made != Z_OK) throw std::bad_alloc();
  }
  ~GzipCompressor() override { ::deflateEnd(&stream_); }
  GzipCompressor(const GzipCompressor&) = delete;
  GzipCompressor& operator=(const GzipCompressor&) = delete;

  void add(std::string_view bytes, std::string& out) override {
    constexpr std::size_t kPieceBytes = std::size_t{1} << 30U;  // zlib counts in 32 bits
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kPieceBytes))) {
      run(bytes.substr(0, kPieceBytes), Z_NO_FLUSH, out);
    }
  }
  void finish(std::string& out) override { run({}, Z_FINISH, out); }

 private:
  void run(std::string_view bytes, int flush, std::string& out) {
    std::array<char, kChunkBytes> chunk;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(chunk.data());
      stream_.avail_out = static_cast<uInt>(chunk.size());
      const int status = ::deflate(&stream_, flush);
      VALENCE_ASSERT(status != Z_STREAM_ERROR, "the stream is used in its order");
      out.append(chunk.data(), chunk.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

  z_stream stream_{};
};

class ZstdCompressor : public Compressor {
 public:
  ZstdCompressor() : context_(::ZSTD_createCCtx()) {
    if (context_ == nullptr) throw std::bad_alloc();
    ::ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1);
  }
  ~ZstdCompressor() override { ::ZSTD_freeCCtx(context_); }
  ZstdCompressor(const ZstdCompressor&) = delete;
  ZstdCompressor& operator=(const ZstdCompressor&) = delete;

  void add(std::string_view bytes, std::string& out) override { run(bytes, ZSTD_e_continue, out); }
  void finish(std::string& out) override { run({}, ZSTD_e_end, out); }

 private:
  void run(std::string_view bytes, ZSTD_EndDirective directive, std::string& out) {
    std::array<char, kChunkBytes> chunk;
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::size_t left = 0;
    do {
      ZSTD_outBuffer to{chunk.data(), chunk.size(), 0};
      left = ::ZSTD_compressStream2(context_, &to, &in, directive);
      if (::ZSTD_isError(left) != 0) throw std::bad_alloc();  // the only error that good parameters leave
      out.append(chunk.data(), to.pos);
    } while (in.pos < in.size || (directive == ZSTD_e_end && left > 0));
  }

  ZSTD_CCtx* context_;
};

}  // namespace

Compression compression_of(std::string_view path) {
  for (const auto& [suffix, compression] : kSuffixes) {
    if (ends_with_any_case(path, suffix)) return compression;
  }
  return Compression::kNone;
}

std::string_view without_compression(std::string_view path) {
  for (const auto& [suffix, compression] : kSuffixes) {
    if (ends_with_any_case(path, suffix)) return path.substr(0, path.size() - suffix.size());
  }
  return path;
}

std::unique_ptr<Compressor> make_compressor(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      break;
    case Compression::kGzip:
      return std::make_unique<GzipCompressor>();
    case Compression::kZstd:
      return std::make_unique<ZstdCompressor>();
  }
  return nullptr;
}

}  // namespace valence::data
