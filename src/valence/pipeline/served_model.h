/// \file
/// Models under the names that callers ask for them by, replaced while they are in use.
#pragma once

#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "valence/classifier.h"

namespace valence::pipeline {

/// One version of one model, as it is served. Immutable.
struct ServedModel {
  std::string name;
  std::string source;  ///< what it was loaded from, as the operator wrote it
  std::shared_ptr<const Classifier> classifier;
  std::string version;         ///< 12 hexadecimal digits of the weights' sha256
  std::string weights_sha256;  ///< all 64
  std::string config_version;  ///< 12 hexadecimal digits over what else decides an answer
  std::int64_t loaded_unix_s = 0;
};

/// Thread-safe. A reader keeps the version it was given for as long as it holds the pointer.
class ModelTable {
 public:
  /// Nothing where no model has that name.
  [[nodiscard]] std::shared_ptr<const ServedModel> find(std::string_view name) const;
  /// The one asked for by no name: the first that was put.
  [[nodiscard]] std::shared_ptr<const ServedModel> first() const;
  /// In the order in which the names were first put.
  [[nodiscard]] std::vector<std::shared_ptr<const ServedModel>> all() const;
  /// Adds a model, or replaces the one of its name; returns the replaced one.
  std::shared_ptr<const ServedModel> put(std::shared_ptr<const ServedModel> model);

 private:
  mutable std::shared_mutex mutex_;
  std::vector<std::shared_ptr<const ServedModel>> models_;
};

}  // namespace valence::pipeline
