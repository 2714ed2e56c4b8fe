#include "valence/cli/cached_model.h"

#include <algorithm>
#include <utility>

#include "valence/base/json.h"
#include "valence/hub/settings.h"
#include "valence/model/checkpoint.h"
#include "valence/model/model.h"
#include "valence/tokenizer.h"

namespace valence::cli {
namespace {

/// What config.json says where valence cannot make a model of it: type and labels, if they are what they should be.
void read_leniently(const std::filesystem::path& model_dir, ModelTraits& traits) {
  const auto text = read_config(model_dir);
  const auto config = text ? Json::parse(*text, "config.json") : fail(text.error());
  if (!config) return;
  traits.model_type = config->string_or("model_type", "").value_or("");
  const auto labels = config->find("id2label");
  const auto members = labels ? labels->members() : Result<std::vector<std::pair<std::string, Json>>>({});
  if (!members) return;
  std::vector<std::pair<std::size_t, std::string>> by_id;
  for (const auto& [key, value] : *members) {
    const bool is_index = !key.empty() && key.size() < 10 && key.find_first_not_of("0123456789") == std::string::npos;
    if (auto label = value.as_string(); is_index && label) by_id.emplace_back(std::stoul(key), std::move(*label));
  }
  std::ranges::sort(by_id);
  for (auto& [id, label] : by_id) traits.labels.push_back(std::move(label));
}

}  // namespace

Result<hub::HubCache> open_cache() {
  return hub::cache_directory(hub::process_environment).map([](auto root) { return hub::HubCache(std::move(root)); });
}

Result<std::vector<hub::CachedSnapshot>> cached_snapshots(const hub::HubCache& cache, const std::string& ref) {
  if (ref.empty()) return cache.scan();
  VALENCE_TRY(const hub::RepoRef name, hub::parse_repo_ref(ref));
  if (ref.find('@') == std::string::npos) {
    auto all = cache.snapshots_of(name.repo);
    if (!all.empty()) return all;
  }
  VALENCE_TRY(hub::CachedSnapshot snapshot, cache.read(name));
  std::vector<hub::CachedSnapshot> one;
  one.push_back(std::move(snapshot));
  return one;
}

ModelTraits examine_model(const std::filesystem::path& model_dir) {
  ModelTraits traits;
  const auto model = load_model(model_dir);
  if (!model) {
    traits.refusal = model.error();
    read_leniently(model_dir, traits);
    return traits;
  }
  traits.model_type = model->spec.model_type;
  traits.labels = model->spec.head.labels;
  // A GGUF file brings its own tokenizer.
  if (Checkpoint::has_safetensors(model_dir)) {
    if (const auto tokenizer = Tokenizer::load(model_dir); !tokenizer) traits.refusal = tokenizer.error();
  }
  return traits;
}

}  // namespace valence::cli
