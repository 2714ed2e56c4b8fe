/// \file
/// Corrections and texts to label, written out.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "valence/store/label_queue.h"

namespace valence::cli {

enum class FeedbackFormat { kTable, kCsv, kJsonl, kLabelStudio };

/// `width` is a table's; `to_terminal` makes control characters visible.
[[nodiscard]] std::string feedback_text(std::span<const store::Feedback> items, FeedbackFormat format,
                                        std::size_t width, bool to_terminal);
/// csv: an empty column `label` to fill in, then what the model says.
[[nodiscard]] std::string queue_text(std::span<const store::QueueItem> items, FeedbackFormat format, std::size_t width,
                                     bool to_terminal);

/// Of items from the newest to the oldest, those whose text was not labelled again later.
void keep_latest_of_each_text(std::vector<store::Feedback>& items);

}  // namespace valence::cli
