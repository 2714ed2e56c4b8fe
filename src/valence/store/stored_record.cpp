#include "valence/store/stored_record.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <new>
#include <utility>

#include "valence/base/json.h"
#include "valence/base/utf8.h"

namespace valence::store {
namespace {

constexpr std::array<std::pair<std::string_view, TextPolicy>, 3> kPolicies{
    {{"none", TextPolicy::kNone}, {"hash", TextPolicy::kHash}, {"full", TextPolicy::kFull}}};

bool is_storable_text(std::string_view text) {
  return text.find('\0') == text.npos && !find_invalid_utf8(text).has_value();
}

void make_storable(std::string& text) {
  if (!is_storable_text(text)) text = storable_text(text);
}

void make_finite(float& score) {
  if (!std::isfinite(score)) score = 0;
}

}  // namespace

std::optional<TextPolicy> parse_text_policy(std::string_view word) {
  for (const auto& [name, policy] : kPolicies) {
    if (name == word) return policy;
  }
  return std::nullopt;
}

std::string_view name_of(TextPolicy policy) { return kPolicies[static_cast<std::size_t>(policy)].first; }

std::string storable_text(std::string_view text) {
  std::string valid = to_valid_utf8(text);
  for (auto at = valid.find('\0'); at != valid.npos; at = valid.find('\0', at)) valid.replace(at, 1, "\xEF\xBF\xBD");
  return valid;
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  // Finding the algorithm and making a context cost OpenSSL 3 several times what a short text does.
  static const EVP_MD* const kSha256 = ::EVP_MD_fetch(nullptr, "SHA256", nullptr);
  struct Freed {
    void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
  };
  thread_local const std::unique_ptr<EVP_MD_CTX, Freed> context(::EVP_MD_CTX_new());
  if (::EVP_DigestInit_ex(context.get(), kSha256, nullptr) != 1 ||
      ::EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1 ||
      ::EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1) {
    throw std::bad_alloc();
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * std::size_t{size});
  for (unsigned i = 0; i < size; ++i) {
    hex += kHex[digest[i] >> 4U];
    hex += kHex[digest[i] & 15U];
  }
  return hex;
}

bool is_storable(const pipeline::ClassifiedRecord& record, TextPolicy policy) {
  for (const std::string* text : {&record.id, &record.stream, &record.channel, &record.subject, &record.label,
                                  &record.model, &record.model_version, &record.config_version, &record.metadata}) {
    if (!is_storable_text(*text)) return false;
  }
  return (policy != TextPolicy::kFull || is_storable_text(record.text)) && std::isfinite(record.score) &&
         std::ranges::all_of(record.scores, [](const pipeline::LabelScore& each) {
           return is_storable_text(each.label) && std::isfinite(each.score);
         });
}

StoredRecord stored_form(const pipeline::ClassifiedRecord& record, TextPolicy policy) {
  StoredRecord stored;
  auto& kept = stored.record;
  kept.id = record.id;
  kept.time_ms = record.time_ms;
  kept.stream = record.stream;
  kept.channel = record.channel;
  kept.subject = record.subject;
  kept.label = record.label;
  kept.score = record.score;
  kept.scores = record.scores;
  kept.model = record.model;
  kept.model_version = record.model_version;
  kept.config_version = record.config_version;
  kept.tokens = record.tokens;
  kept.truncated = record.truncated;
  kept.metadata = record.metadata;
  if (policy == TextPolicy::kFull) kept.text = record.text;
  if (policy != TextPolicy::kNone) stored.text_sha256 = sha256_hex(record.text);
  for (std::string* text : {&kept.id, &kept.stream, &kept.channel, &kept.subject, &kept.text, &kept.label, &kept.model,
                            &kept.model_version, &kept.config_version, &kept.metadata}) {
    make_storable(*text);
  }
  make_finite(kept.score);
  for (auto& [label, score] : kept.scores) {
    make_storable(label);
    make_finite(score);
  }
  return stored;
}

std::string scores_to_json(const std::vector<pipeline::LabelScore>& scores) {
  if (scores.empty()) return {};
  std::string json = "[";
  for (const auto& [label, score] : scores) {
    json += json.size() > 1 ? ",[" : "[";
    append_json_string(json, label);
    json += ',';
    append_json_float(json, score);
    json += ']';
  }
  json += ']';
  return json;
}

Result<std::vector<pipeline::LabelScore>> scores_from_json(std::string_view json) {
  std::vector<pipeline::LabelScore> scores;
  if (json.empty()) return scores;
  VALENCE_TRY(const Json document, Json::parse(json, "scores"));
  VALENCE_TRY(const auto pairs, document.items());
  scores.reserve(pairs.size());
  for (const Json& pair : pairs) {
    VALENCE_TRY(const auto parts, pair.items());
    if (parts.size() != 2) return pair.invalid("expected a label and its score");
    VALENCE_TRY(std::string label, parts[0].as_string());
    VALENCE_TRY(const double score, parts[1].as_number());
    scores.push_back({std::move(label), static_cast<float>(score)});
  }
  return scores;
}

}  // namespace valence::store
