#include "valence/hub/file_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <optional>

namespace valence::hub {
namespace {

/// What stands beside the weights: names of tokenizer files are those of transformers (VOCAB_FILES_NAMES). Without
/// calibration.json, which `models calibrate` writes, a model would give other scores here than where it was made.
constexpr std::array<std::string_view, 15> kCompanions{"config.json",
                                                       "calibration.json",
                                                       "tokenizer.json",
                                                       "tokenizer_config.json",
                                                       "special_tokens_map.json",
                                                       "added_tokens.json",
                                                       "vocab.txt",
                                                       "vocab.json",
                                                       "merges.txt",
                                                       "spiece.model",
                                                       "spm.model",
                                                       "bpe.codes",
                                                       "tokenizer.model",
                                                       "sentencepiece.bpe.model",
                                                       "README.md"};

constexpr std::string_view kSingleFile = "model.safetensors";
constexpr std::string_view kIndexFile = "model.safetensors.index.json";

bool has(const RepoListing& listing, std::string_view name) {
  return std::ranges::find(listing.files, name, &RepoFile::name) != listing.files.end();
}

std::vector<std::string> names_where(const RepoListing& listing, auto wanted) {
  std::vector<std::string> names;
  for (const RepoFile& file : listing.files) {
    if (wanted(std::string_view(file.name))) names.push_back(file.name);
  }
  return names;
}

/// "model-00001-of-00002.safetensors"
bool is_shard(std::string_view name) {
  constexpr std::string_view kPattern = "model-#####-of-#####.safetensors";
  return name.size() == kPattern.size() &&
         std::ranges::equal(name, kPattern, [](char c, char p) { return p == '#' ? c >= '0' && c <= '9' : c == p; });
}

bool is_pickle(std::string_view name) { return name.starts_with("pytorch_model") && name.ends_with(".bin"); }
bool is_onnx(std::string_view name) { return name.ends_with(".onnx"); }
bool is_gguf(std::string_view name) { return name.ends_with(".gguf"); }

std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 5;
  const std::size_t shown = std::min(kShown, names.size());
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

/// What to try instead of the format that is not there.
Error no_weights(const RepoListing& listing, const ChoiceOptions& options, const std::string& repo) {
  const auto onnx = names_where(listing, is_onnx);
  const auto gguf = names_where(listing, is_gguf);
  const auto pickles = names_where(listing, is_pickle);
  const bool safetensors = has(listing, kSingleFile) || has(listing, kIndexFile);
  std::string hint;
  if (options.format != WeightFormat::kSafetensors && safetensors)
    hint = "leave --format out: it has safetensors";
  else if (options.format != WeightFormat::kOnnx && !onnx.empty())
    hint = fmt::format("it has ONNX: --format onnx ({})", some_of(onnx));
  else if (options.format != WeightFormat::kGguf && !gguf.empty())
    hint = fmt::format("it has GGUF: --format gguf ({})", some_of(gguf));
  else if (!pickles.empty()) {
    return {ErrorCode::kInvalidData, repo,
            fmt::format("has only pickled weights ({}), which can run code and are never opened", some_of(pickles)),
            options.pickle_remedy};
  }
  constexpr std::array<std::string_view, 3> kWhat{"safetensors weights (model.safetensors, or an index and its shards)",
                                                  "ONNX model", "GGUF file"};
  return {ErrorCode::kInvalidData, repo, fmt::format("has no {}", kWhat[static_cast<std::size_t>(options.format)]),
          std::move(hint)};
}

Result<std::vector<std::string>> safetensors_names(const RepoListing& listing) {
  if (has(listing, kSingleFile)) return std::vector<std::string>{std::string(kSingleFile)};
  std::vector<std::string> names;
  if (has(listing, kIndexFile)) {
    names = names_where(listing, is_shard);
    names.emplace_back(kIndexFile);
  }
  return names;
}

Result<std::vector<std::string>> onnx_names(const RepoListing& listing, const std::string& repo) {
  for (const std::string_view name : {"model.onnx", "onnx/model.onnx"}) {
    if (!has(listing, name)) continue;
    std::vector<std::string> names{std::string(name)};
    for (const std::string_view suffix : {"_data", ".data"}) {
      if (std::string data = fmt::format("{}{}", name, suffix); has(listing, data)) names.push_back(std::move(data));
    }
    return names;
  }
  auto others = names_where(listing, is_onnx);
  if (others.size() <= 1) return others;
  return fail(ErrorCode::kInvalidArgument, repo, fmt::format("has {} ONNX models: {}", others.size(), some_of(others)),
              fmt::format("choose with --include, e.g. --include '*.json' --include {}", others.front()));
}

Result<std::vector<std::string>> gguf_names(const RepoListing& listing, const std::string& repo) {
  auto names = names_where(listing, is_gguf);
  if (names.size() <= 1) return names;
  return fail(ErrorCode::kInvalidArgument, repo, fmt::format("has {} GGUF files: {}", names.size(), some_of(names)),
              fmt::format("choose one with --include, e.g. --include {}", names.front()));
}

Result<std::vector<std::string>> weight_names(const RepoListing& listing, WeightFormat format,
                                              const std::string& repo) {
  switch (format) {
    case WeightFormat::kSafetensors:
      return safetensors_names(listing);
    case WeightFormat::kOnnx:
      return onnx_names(listing, repo);
    case WeightFormat::kGguf:
      return gguf_names(listing, repo);
  }
  return std::vector<std::string>();
}

bool matches_any(const std::string& name, const std::vector<std::string>& patterns) {
  return std::ranges::any_of(
      patterns, [&](const std::string& pattern) { return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0; });
}

}  // namespace

Result<std::vector<RepoFile>> choose_files(const RepoListing& listing, const ChoiceOptions& options,
                                           const std::string& repo) {
  std::vector<std::string> weights;
  if (options.include.empty()) {
    VALENCE_TRY(weights, weight_names(listing, options.format, repo));
    if (weights.empty()) return fail(no_weights(listing, options, repo));
    // A GGUF file brings its own.
    if (options.format != WeightFormat::kGguf && !has(listing, "config.json")) {
      return fail(ErrorCode::kInvalidData, repo, "has no config.json, so nothing says what its weights are");
    }
  }
  const auto is_chosen = [&](const RepoFile& file) {
    if (matches_any(file.name, options.exclude)) return false;
    if (!options.include.empty()) return matches_any(file.name, options.include);
    return std::ranges::find(kCompanions, file.name) != kCompanions.end() ||
           std::ranges::find(weights, file.name) != weights.end();
  };
  std::vector<RepoFile> chosen;
  std::ranges::copy_if(listing.files, std::back_inserter(chosen), is_chosen);
  if (chosen.empty()) {
    return fail(ErrorCode::kInvalidArgument, repo, "no file is left to pull", "check --include and --exclude");
  }
  // Small files first: what is wrong with them shows before a large one has been fetched.
  std::ranges::stable_sort(chosen, {}, [](const RepoFile& file) { return file.size_bytes.value_or(0); });
  return chosen;
}

}  // namespace valence::hub
