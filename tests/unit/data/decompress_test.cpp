#include "valence/data/decompress.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <tuple>

#include "unit/data/chunked_source.h"

namespace valence::data {
namespace {

using testing::ChunkedSource;

std::string gzip(std::string_view text) {
  z_stream stream{};
  ::deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(::deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

/// With the checksum that the zstd program adds.
std::string zstd(std::string_view text) {
  ZSTD_CCtx* context = ::ZSTD_createCCtx();
  ::ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  std::string out(::ZSTD_compressBound(text.size()), '\0');
  out.resize(::ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size()));
  ::ZSTD_freeCCtx(context);
  return out;
}

struct Expanded {
  std::string text;
  std::optional<Error> error;
};

Expanded expand(const std::string& bytes, const std::string& name, std::size_t chunk_bytes = 1 << 20,
                std::size_t buffer_bytes = 1000) {
  Expanded expanded;
  auto source = expand_if_compressed(std::make_unique<ChunkedSource>(bytes, chunk_bytes), name);
  if (!source) return {.text = "", .error = source.error()};
  std::string buffer(buffer_bytes, '\0');
  while (true) {
    const auto outcome = (*source)->read(buffer, Wait::kYes);
    if (!outcome) return {.text = expanded.text, .error = outcome.error()};
    if (outcome->state == ReadState::kEnd) return expanded;
    expanded.text.append(buffer, 0, outcome->size_bytes);
  }
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "line " + std::to_string(i * 7919 % 10'007) + "\n";
  return text;
}

TEST(Decompress, PlainBytesPassAsTheyAre) {
  EXPECT_EQ(expand("plain\n", "f.csv").text, "plain\n");
  EXPECT_EQ(expand("", "f.csv").text, "");
  EXPECT_EQ(expand("(", "f.csv").text, "(") << "zstd's magic number begins like this";
}

TEST(Decompress, GzipAndZstdAreRecognisedWhateverTheName) {
  const std::string text = long_text();
  EXPECT_EQ(expand(gzip(text), "stdin").text, text);
  EXPECT_EQ(expand(zstd(text), "f.csv").text, text);
}

TEST(Decompress, AnyChunksAndBuffersGiveTheSame) {
  const std::string text = long_text().substr(0, 3000);
  for (const std::size_t chunk : {1U, 2U, 3U, 1000U}) {
    for (const std::size_t buffer : {1U, 5U, 100'000U}) {
      EXPECT_EQ(expand(gzip(text), "f.gz", chunk, buffer).text, text);
      EXPECT_EQ(expand(zstd(text), "f.zst", chunk, buffer).text, text);
    }
  }
}

TEST(Decompress, SeveralMembersOrFramesAreOneText) {
  EXPECT_EQ(expand(gzip("a\n") + gzip("") + gzip("b\n"), "f.gz", 1).text, "a\nb\n");
  EXPECT_EQ(expand(zstd("a\n") + zstd("b\n"), "f.zst", 1).text, "a\nb\n");
}

TEST(Decompress, ZerosBehindGzipAreIgnoredAsGzipDoes) {
  const auto expanded = expand(gzip("a\n") + std::string(600, '\0'), "f.gz", 100);
  EXPECT_EQ(expanded.text, "a\n");
  EXPECT_FALSE(expanded.error.has_value());
}

TEST(Decompress, TruncatedStreamIsAnErrorBehindWhatCouldBeExpanded) {
  const std::string text = long_text();
  for (const auto& [whole, name] : {std::pair{gzip(text), "f.gz"}, std::pair{zstd(text), "f.zst"}}) {
    const auto expanded = expand(whole.substr(0, whole.size() / 2), name);
    ASSERT_TRUE(expanded.error.has_value());
    EXPECT_EQ(expanded.error->code(), ErrorCode::kInvalidData);
    EXPECT_EQ(expanded.error->where(), name);
    EXPECT_NE(expanded.error->what().find("ends too soon, at byte " + std::to_string(whole.size() / 2)),
              std::string::npos)
        << expanded.error->what();
    EXPECT_EQ(text.substr(0, expanded.text.size()), expanded.text);
  }
  const std::string whole = gzip(text);
  EXPECT_GT(expand(whole.substr(0, whole.size() - 4), "f.gz").text.size(), text.size() / 2);
}

TEST(Decompress, EveryTruncationOfASmallStreamIsAnError) {
  for (const auto& [whole, name] : {std::pair{gzip("hello"), "f.gz"}, std::pair{zstd("hello"), "f.zst"}}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_TRUE(expand(whole.substr(0, size), name).error.has_value()) << name << " cut at " << size;
    }
    EXPECT_FALSE(expand(whole, name).error.has_value());
  }
}

TEST(Decompress, DamagedStreamNamesFileAndByte) {
  const std::string text = long_text();
  for (auto [whole, name, format] : {std::tuple{gzip(text), "f.gz", "gzip"}, std::tuple{zstd(text), "f.zst", "zstd"}}) {
    for (std::size_t i = 5000; i < 5100; ++i) whole[i] = '\xFF';
    const auto expanded = expand(whole, name);
    ASSERT_TRUE(expanded.error.has_value()) << name;
    const std::string start = std::string(name) + ": damaged " + format + " data at byte ";
    EXPECT_EQ(expanded.error->to_string().substr(0, start.size()), start);
  }
}

TEST(Decompress, TextBehindGzipIsDamageNotSilence) {
  EXPECT_NE(expand(gzip("a\n") + "b\n", "f.gz").error->what().find("damaged"), std::string::npos);
}

TEST(Decompress, NameThatPromisesOtherContentIsAnError) {
  EXPECT_EQ(expand("text,label\n", "f.csv.gz").error->what(), "is named .gz but holds no gzip data");
  EXPECT_EQ(expand("text,label\n", "f.csv.zst").error->what(), "is named .zst but holds no zstd data");
  EXPECT_EQ(expand("", "f.csv.gz").error->what(), "is empty, expected gzip data");
}

/// Gives one piece and then would block, as a pipe whose writer pauses.
class PausingSource : public ByteSource {
 public:
  explicit PausingSource(std::string first) : first_(std::move(first)) {}
  Result<ReadOutcome> read(std::span<char> buffer, Wait) override {
    if (first_.empty()) return ReadOutcome{ReadState::kWouldBlock};
    const std::size_t size = std::min(buffer.size(), first_.size());
    std::memcpy(buffer.data(), first_.data(), size);
    first_.erase(0, size);
    return ReadOutcome{ReadState::kData, size};
  }
  [[nodiscard]] std::uint64_t bytes_read() const override { return 0; }
  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override { return std::nullopt; }

 private:
  std::string first_;
};

TEST(Decompress, PauseOfThePipeIsPassedOnHoweverOftenAsked) {
  for (const std::string& whole : {gzip("hello"), zstd("hello")}) {
    auto source = expand_if_compressed(std::make_unique<PausingSource>(whole.substr(0, whole.size() - 1)), "stdin");
    ASSERT_TRUE(source.has_value());
    std::array<char, 100> buffer{};
    for (int i = 0; i < 100; ++i) {
      const auto outcome = (*source)->read(buffer, Wait::kNo);
      ASSERT_TRUE(outcome.has_value()) << outcome.error().to_string();
    }
    EXPECT_EQ((*source)->read(buffer, Wait::kNo)->state, ReadState::kWouldBlock);
  }
}

}  // namespace
}  // namespace valence::data
