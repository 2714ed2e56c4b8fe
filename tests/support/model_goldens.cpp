#include "support/model_goldens.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "valence/base/file.h"
#include "valence/base/json.h"

namespace valence::testing {
Result<std::vector<std::int32_t>> parse_ids(const Json& array) {
  VALENCE_TRY(const auto items, array.items());
  std::vector<std::int32_t> ids;
  ids.reserve(items.size());
  for (const auto& item : items) {
    VALENCE_TRY(const auto id, item.as_integer());
    ids.push_back(static_cast<std::int32_t>(id));
  }
  return ids;
}

namespace {

Result<GoldenSequence> parse_sequence(const Json& json) {
  GoldenSequence sequence;
  VALENCE_TRY(const Json ids, json.at("input_ids"));
  VALENCE_TRY(sequence.input_ids, parse_ids(ids));
  sequence.token_type_ids.assign(sequence.input_ids.size(), 0);
  if (const auto types = json.find("token_type_ids")) {
    VALENCE_TRY(sequence.token_type_ids, parse_ids(*types));
  }
  VALENCE_TRY(const Json logits, json.at("logits"));
  VALENCE_TRY(const auto items, logits.items());
  for (const auto& item : items) {
    VALENCE_TRY(const double logit, item.as_number());
    sequence.logits.push_back(static_cast<float>(logit));
  }
  return sequence;
}

Result<RandomTensor> parse_tensor(const Json& json) {
  RandomTensor tensor;
  VALENCE_TRY(tensor.name, json.string("name"));
  VALENCE_TRY(const Json shape, json.at("shape"));
  VALENCE_TRY(const auto extents, shape.items());
  for (const auto& extent : extents) {
    VALENCE_TRY(const auto size, extent.as_integer());
    tensor.shape.push_back(size);
  }
  VALENCE_TRY(tensor.mean, json.number("mean"));
  VALENCE_TRY(tensor.std, json.number("std"));
  return tensor;
}

Result<std::uint64_t> parse_hash(const Json& json) {
  VALENCE_TRY(const std::string text, json.string("hash"));
  std::uint64_t hash = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hash, 16);
  if (error != std::errc() || end != text.data() + text.size()) return json.invalid("hash: expected 16 hex digits");
  return hash;
}

Result<WeightFormat> parse_format(const Json& recipe) {
  VALENCE_TRY(const std::string format, recipe.string("format"));
  if (format == "F32") return WeightFormat::kF32;
  if (format == "F16") return WeightFormat::kF16;
  if (format == "BF16") return WeightFormat::kBF16;
  if (format == "I8") return WeightFormat::kI8;
  return recipe.invalid("format: expected F32, F16, BF16 or I8");
}

}  // namespace

Status parse_recipe(const Json& recipe, ModelGolden& golden) {
  VALENCE_TRY(const std::int64_t seed, recipe.integer("seed"));
  golden.checkpoint.seed = static_cast<std::uint64_t>(seed);
  VALENCE_TRY(golden.checkpoint.format, parse_format(recipe));
  VALENCE_TRY(const Json tensors, recipe.at("tensors"));
  VALENCE_TRY(const auto items, tensors.items());
  for (const auto& item : items) {
    VALENCE_TRY(RandomTensor tensor, parse_tensor(item));
    golden.checkpoint.tensors.push_back(std::move(tensor));
    VALENCE_TRY(const std::uint64_t hash, parse_hash(item));
    golden.hashes.push_back(hash);
  }
  return {};
}

namespace {}  // namespace

Result<ModelGolden> load_model_golden(const std::filesystem::path& path) {
  constexpr std::uint64_t kMaxGoldenBytes = 4U << 20U;
  VALENCE_TRY(const std::string text, read_file(path, kMaxGoldenBytes));
  VALENCE_TRY(const Json json, Json::parse(text, path.string()));
  ModelGolden golden;
  VALENCE_TRY(golden.name, json.string("name"));
  VALENCE_TRY(golden.base, json.string_or("base", ""));
  VALENCE_TRY(const Json config, json.at("config"));
  golden.config_json = config.dump();
  VALENCE_TRY(golden.reference_noise, json.number("reference_noise"));
  if (const auto recipe = json.find("weights")) {
    VALENCE_TRY_STATUS(parse_recipe(*recipe, golden));
  }
  golden.checkpoint.config_json = golden.config_json;
  VALENCE_TRY(const Json sequences, json.at("sequences"));
  VALENCE_TRY(const auto items, sequences.items());
  for (const auto& item : items) {
    VALENCE_TRY(GoldenSequence sequence, parse_sequence(item));
    golden.sequences.push_back(std::move(sequence));
  }
  return golden;
}

std::vector<std::filesystem::path> model_golden_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(VALENCE_TESTS_DIR "/parity/data/model")) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace valence::testing
