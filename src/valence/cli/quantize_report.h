/// \file
/// What `valence models quantize` found, for people, for programs and for the model's card.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "valence/engine/quantization.h"
#include "valence/model/head_spec.h"
#include "valence/pipeline/labelled_texts.h"
#include "valence/tensor/safetensors_writer.h"

namespace valence::cli {

/// Everything a report speaks of. The references must outlive it.
struct QuantizeFindings {
  const QuantizationReport& measured;
  const pipeline::LabelledTexts& rows;
  const ModelSpec& spec;
  std::string source;   ///< the model's name, without the folders above it
  std::string created;  ///< RFC 3339, UTC
  double max_loss_points = 1;
  std::uint64_t source_bytes = 0;
  std::uint64_t stored_bytes = 0;
};

/// The tables on standard output. `columns` is the width that excerpts of texts are cut to.
[[nodiscard]] std::string quantize_table(const QuantizeFindings& findings, std::size_t columns, bool unicode);

/// Texts are only shown to whoever asked: the file that goes with the model names rows by their lines.
enum class Excerpts { kShown, kLeftOut };
[[nodiscard]] std::string quantize_json(const QuantizeFindings& findings, Excerpts excerpts);

/// MODEL_CARD.md of the model written.
[[nodiscard]] std::string quantize_card(const QuantizeFindings& findings);

/// `__metadata__` of its model.safetensors.
[[nodiscard]] SafetensorsMetadata quantize_metadata(const QuantizeFindings& findings);

/// What a reader should know before trusting the figures: too few rows, classes that no row has, outliers.
[[nodiscard]] std::vector<std::string> quantize_cautions(const QuantizeFindings& findings);

}  // namespace valence::cli
