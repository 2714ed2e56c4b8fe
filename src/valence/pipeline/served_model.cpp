#include "valence/pipeline/served_model.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace valence::pipeline {

std::shared_ptr<const ServedModel> ModelTable::find(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto found =
      std::find_if(models_.begin(), models_.end(), [&](const auto& model) { return model->name == name; });
  return found == models_.end() ? nullptr : *found;
}

std::shared_ptr<const ServedModel> ModelTable::first() const {
  const std::shared_lock lock(mutex_);
  return models_.empty() ? nullptr : models_.front();
}

std::vector<std::shared_ptr<const ServedModel>> ModelTable::all() const {
  const std::shared_lock lock(mutex_);
  return models_;
}

std::shared_ptr<const ServedModel> ModelTable::put(std::shared_ptr<const ServedModel> model) {
  const std::unique_lock lock(mutex_);
  for (auto& each : models_) {
    if (each->name == model->name) return std::exchange(each, std::move(model));
  }
  models_.push_back(std::move(model));
  return nullptr;
}

}  // namespace valence::pipeline
