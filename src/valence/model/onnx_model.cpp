#include "valence/model/onnx_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <system_error>
#include <utility>

#include "valence/base/file.h"
#include "valence/model/arch/registry.h"
#include "valence/model/config.h"
#include "valence/model/onnx/encoder_graph.h"
#include "valence/model/onnx/external_data.h"
#include "valence/model/onnx/formula_match.h"
#include "valence/model/onnx/graph_walk.h"
#include "valence/model/onnx/recovered_tensors.h"

namespace valence {
namespace {

namespace fs = std::filesystem;

constexpr auto kExtension = ".onnx";
constexpr std::uint64_t kMaxConfigBytes = 4U << 20U;
constexpr std::int64_t kOldestOpset = 11;
constexpr std::int64_t kNewestOpset = 25;
constexpr std::int64_t kMaxProbeTokens = 4096;
constexpr std::int64_t kLeastProbeLength = 4;  // room for padding, and for two token types

Status check_opset(const OnnxFile& file) {
  if (file.opset >= kOldestOpset && file.opset <= kNewestOpset) return {};
  return fail(ErrorCode::kUnsupported, file.source,
              fmt::format("uses operator set {}: expected {} to {}", file.opset, kOldestOpset, kNewestOpset),
              "export it with --opset 17");
}

/// How much of a batch the graph itself fixes; -1: nothing.
struct FixedSizes {
  std::int64_t batch_size = -1;
  std::int64_t sequence_length = -1;
};

Result<FixedSizes> fixed_sizes(const OnnxFile& file) {
  FixedSizes fixed;
  for (const OnnxValueInfo& input : file.inputs) {
    if (input.name != onnx::kInputIds || !input.dims) continue;
    if (input.dims->size() != 2) {
      return fail(ErrorCode::kUnsupported, file.source,
                  fmt::format("input_ids has {} dimensions, expected [batch, tokens]", input.dims->size()));
    }
    fixed = {(*input.dims)[0], (*input.dims)[1]};
  }
  const auto is_odd = [](std::int64_t size, std::int64_t least) {
    return size >= 0 && (size < least || size > kMaxProbeTokens);
  };
  if (is_odd(fixed.batch_size, 1) || is_odd(fixed.sequence_length, kLeastProbeLength) ||
      (fixed.batch_size > 0 && fixed.sequence_length > 0 &&
       fixed.batch_size * fixed.sequence_length > kMaxProbeTokens)) {
    return fail(ErrorCode::kUnsupported, file.source,
                fmt::format("is made for batches of {} texts of {} tokens", fixed.batch_size, fixed.sequence_length),
                "export it with dynamic axes");
  }
  return fixed;
}

onnx::ProbeBatch make_batch(std::int64_t batch_size, std::int64_t sequence_length, const ModelSpec& spec,
                            std::int64_t pad_id, bool takes_types) {
  onnx::ProbeBatch batch{.batch_size = batch_size, .sequence_length = sequence_length};
  std::int64_t id = spec.encoder.vocab_size;
  for (std::int64_t b = 0; b < batch_size; ++b) {
    for (std::int64_t s = 0; s < sequence_length; ++s) {
      do {
        id = id <= 0 ? spec.encoder.vocab_size - 1 : id - 1;
      } while (id == pad_id && spec.encoder.vocab_size > 1);
      // The last text is shorter than the others. Decoders look for the end of a text by its padding.
      const bool is_padding = b + 1 == batch_size && s + 2 >= sequence_length;
      batch.input_ids.push_back(is_padding && spec.head.pooling == Pooling::kLast ? pad_id : id);
      batch.attention_mask.push_back(is_padding ? 0 : 1);
      // A graph without that input takes all types to be zero, which they are for single texts.
      const bool is_second = takes_types && spec.encoder.type_vocab_size > 1 && s >= sequence_length / 2;
      batch.token_type_ids.push_back(is_second ? 1 : 0);
    }
  }
  return batch;
}

/// Tokens that show every window's end; 0 where there are no windows, or none that a short batch could show.
std::int64_t longer_than_windows(const EncoderSpec& encoder) {
  constexpr std::int64_t kLongest = 300;  // whose masks are quickly looked at
  std::int64_t longest = 0;
  for (const LayerAttention& layer : encoder.layer_attention) {
    const std::int64_t length = layer.window + 3;
    if (layer.window >= 0 && length <= std::min(kLongest, encoder.max_sequence_length())) {
      longest = std::max(longest, length);
    }
  }
  return longest;
}

/// A graph in halves cannot say 1e-12; a difference as small as this cannot be seen in a result.
Status check_layer_norm_eps(const OnnxFile& file, const ModelSpec& spec, double eps) {
  constexpr double kNegligible = 1e-6;
  const double expected = static_cast<double>(spec.encoder.layer_norm_eps);
  if (onnx::nearly(eps, expected) || std::fabs(eps - expected) <= kNegligible) return {};
  return fail(
      ErrorCode::kInvalidData, file.source,
      fmt::format("its layer normalisations have the epsilon {:g}, but config.json calls for {:g}", eps, expected),
      "the files belong to different models");
}

}  // namespace

Result<std::optional<fs::path>> find_onnx(const fs::path& model) {
  std::error_code ignored;
  if (!fs::is_directory(model, ignored)) {
    return model.extension() == kExtension ? std::optional(model) : std::nullopt;
  }
  if (Checkpoint::has_safetensors(model)) return std::nullopt;
  std::vector<std::string> others;
  for (const char* const folder : {"", "onnx"}) {
    const fs::path directory = *folder == '\0' ? model : model / folder;
    if (fs::exists(directory / "model.onnx", ignored)) return directory / "model.onnx";
    for (auto it = fs::directory_iterator(directory, ignored); !ignored && it != fs::directory_iterator();
         it.increment(ignored)) {
      if (it->path().extension() == kExtension) others.push_back((fs::path(folder) / it->path().filename()).string());
    }
  }
  if (others.empty()) return std::nullopt;
  std::ranges::sort(others);
  constexpr std::size_t kShown = 10;
  const std::size_t count = others.size();
  if (count > kShown) others.resize(kShown);
  return fail(ErrorCode::kInvalidArgument, model.string(),
              fmt::format("has no model.onnx, but {}{}", fmt::join(others, ", "), count > kShown ? ", ..." : ""),
              "name the one to use");
}

fs::path directory_with(const fs::path& onnx_file, std::initializer_list<std::string_view> names) {
  const fs::path beside = onnx_file.has_parent_path() ? onnx_file.parent_path() : fs::path(".");
  std::error_code ignored;
  for (const fs::path& directory : {beside, beside / ".."}) {
    for (const std::string_view name : names) {
      if (fs::exists(directory / name, ignored)) return directory;
    }
  }
  return beside;
}

fs::path tokenizer_directory(const fs::path& onnx_file) {
  return directory_with(
      onnx_file, {"tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model", "spm.model"});
}

Result<Checkpoint::Parts> onnx_weights(const OnnxFile& file, const ModelSpec& spec, const Json& config) {
  VALENCE_TRY_STATUS(check_opset(file));
  VALENCE_TRY(const FixedSizes fixed, fixed_sizes(file));
  VALENCE_TRY(const std::int64_t stated_pad, config.integer_or("pad_token_id", 0));
  const std::int64_t pad_id = spec.encoder.padding_id >= 0 ? spec.encoder.padding_id : stated_pad;
  const Architecture& architecture = *find_architecture(spec.model_type);
  const bool takes_types =
      std::ranges::find(file.inputs, onnx::kTokenTypeIds, &OnnxValueInfo::name) != file.inputs.end();
  std::optional<onnx::FoundWeights> found;
  // Our own graph of such a model. Made when a file has been walked: most that are refused are refused there.
  std::string outline;
  std::optional<OnnxFile> expected;
  // Two batches whose sizes share no factor: what holds by chance for one does not for the other. A third that is
  // longer than windows are.
  std::vector<std::pair<std::int64_t, std::int64_t>> sizes = {{2, 5}, {3, 7}};
  if (const std::int64_t length = longer_than_windows(spec.encoder); length > 0) sizes.emplace_back(1, length);
  for (const auto& [batch_size, sequence_length] : sizes) {
    const onnx::ProbeBatch batch =
        make_batch(fixed.batch_size > 0 ? fixed.batch_size : batch_size,
                   fixed.sequence_length > 0 ? fixed.sequence_length : sequence_length, spec, pad_id, takes_types);
    VALENCE_TRY(const onnx::WalkedGraph graph, onnx::walk_graph(file, batch));
    if (!expected) {
      VALENCE_TRY(outline, onnx::encoder_graph(spec, architecture, nullptr, OnnxWeightType::kF32, file.source));
      VALENCE_TRY(expected, parse_onnx(std::as_bytes(std::span(outline)), "valence's own graph"));
    }
    VALENCE_TRY(const onnx::WalkedGraph own, onnx::walk_graph(*expected, batch));
    VALENCE_TRY(onnx::FoundWeights of_batch,
                onnx::match_formula({file, graph}, {*expected, own}, batch, spec.model_type));
    const auto same = [](const auto& a, const auto& b) { return a.first == b.first && a.second.ref == b.second.ref; };
    if (found && !std::ranges::equal(found->parts, of_batch.parts, same)) {
      return fail(ErrorCode::kUnsupported, file.source, "uses other weights for batches of other sizes");
    }
    found = std::move(of_batch);
  }
  VALENCE_TRY_STATUS(check_layer_norm_eps(file, spec, found->norm_eps));
  return onnx::recover_tensors(file, *found, architecture);
}

Result<OnnxModel> load_onnx(const fs::path& onnx_file) {
  const fs::path config_path = directory_with(onnx_file, {"config.json"}) / "config.json";
  auto config_text = read_file(config_path, kMaxConfigBytes);
  if (!config_text && config_text.error().code() == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound, config_path.string(),
                "no such file: an ONNX file says neither what its labels are nor what it is a model of",
                "put the config.json of the model it was exported from beside it");
  }
  if (!config_text) return fail(std::move(config_text).error());
  VALENCE_TRY(const Json config, Json::parse(*config_text, config_path.string()));
  VALENCE_TRY(ModelSpec spec, parse_config(config));
  VALENCE_TRY(MappedFile mapped, MappedFile::open(onnx_file));
  VALENCE_TRY(OnnxFile file, parse_onnx(mapped.bytes(), onnx_file.string()));
  VALENCE_TRY(std::vector<MappedFile> maps, onnx::map_external_data(file, onnx_file.parent_path()));
  VALENCE_TRY(Checkpoint::Parts parts, onnx_weights(file, spec, config));
  parts.files = std::move(maps);
  parts.files.push_back(std::move(mapped));
  std::ranges::move(file.decoded, std::back_inserter(parts.made));
  return OnnxModel{std::move(spec), Checkpoint::from_parts(std::move(parts), onnx_file.string())};
}

}  // namespace valence
