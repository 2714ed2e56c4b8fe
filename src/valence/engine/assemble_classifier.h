/// \file
/// A classifier over parts that are in memory already, for callers that try out weights of their own.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/model/model.h"
#include "valence/tokenizer.h"

namespace valence {

struct ClassifierParts {
  Tokenizer tokenizer;
  Model model;  ///< what its views point into must outlive the classifier
  std::string source;
  std::optional<Calibration> calibration = std::nullopt;
};

/// As Classifier::load, without reading files.
Result<std::shared_ptr<const Classifier>> assemble_classifier(ClassifierParts parts, const ClassifierOptions& options);

}  // namespace valence
