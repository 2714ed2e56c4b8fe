/// \file
/// What the recorded tokens of a reference are compared with.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/tokenizer.h"

namespace valence::testing {

constexpr char32_t kBlock = 4096;  // code points of one hash of a sweep

/// The hash that the goldens' maker defines.
class Hash {
 public:
  void update(std::uint32_t word) { value_ = value_ * 0x100000001b3ULL + word; }
  void update(const Encoding& encoding) {
    update(static_cast<std::uint32_t>(encoding.ids.size()));
    for (const std::int32_t id : encoding.ids) update(static_cast<std::uint32_t>(id));
    for (const ByteSpan& span : encoding.offsets) {
      update(span.begin);
      update(span.end);
    }
  }
  [[nodiscard]] std::string hex() const { return fmt::format("{:016x}", value_); }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return std::move(result).value();
}

inline Json read_json(const std::filesystem::path& path) {
  const auto text = must(read_file(path, 64U << 20));
  return must(Json::parse(text, path.filename().string()));
}

inline std::vector<std::int32_t> integers(const Json& list) {
  std::vector<std::int32_t> values;
  for (const Json& item : must(list.items())) values.push_back(static_cast<std::int32_t>(must(item.as_integer())));
  return values;
}

/// begin, end, begin, end, ...
inline std::vector<std::int32_t> flat_offsets(const Encoding& encoding) {
  std::vector<std::int32_t> offsets;
  for (const ByteSpan& span : encoding.offsets) {
    offsets.push_back(static_cast<std::int32_t>(span.begin));
    offsets.push_back(static_cast<std::int32_t>(span.end));
  }
  return offsets;
}

/// The hashes of all scalars, each by itself between `prefix` and `suffix`.
inline void compare_sweep(const Tokenizer& tokenizer, const Json& golden, std::string_view prefix,
                          std::string_view suffix) {
  const auto blocks = must(golden.items());
  ASSERT_EQ(blocks.size(), 0x110000 / kBlock);
  Encoding encoding;
  for (char32_t block = 0; block < blocks.size(); ++block) {
    Hash hash;
    for (char32_t c = block * kBlock; c < (block + 1) * kBlock; ++c) {
      if (c >= 0xD800 && c <= 0xDFFF) continue;  // surrogates are no scalars
      std::string text(prefix);
      append_utf8(text, c);
      text += suffix;
      ASSERT_TRUE(tokenizer.encode_into(text, {}, encoding).has_value());
      hash.update(encoding);
    }
    EXPECT_EQ(hash.hex(), must(blocks[block].as_string()))
        << fmt::format("{}: U+{:04X} to U+{:04X}", golden.where(), std::uint32_t{block * kBlock},
                       std::uint32_t{(block + 1) * kBlock - 1});
  }
}

}  // namespace valence::testing
