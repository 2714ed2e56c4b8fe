/// \file
/// Tasks of Label Studio as JSON: texts to label out, labels back in. Source: labelstud.io/guide/export (JSON) and
/// /guide/tasks (import), for <Text name="text"/> with <Choices name="label" toName="text">.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/store/history_store.h"
#include "valence/store/label_queue.h"

namespace valence::store {

/// Corrections as tasks with an annotation each; what a task has no place for lies in its data, so that
/// parse_label_studio() gives the same corrections.
[[nodiscard]] std::string label_studio_of(std::span<const Feedback> corrections);

/// Texts to label as tasks with a prediction each.
[[nodiscard]] std::string label_studio_of(std::span<const QueueItem> queue);

struct LabelStudioImport {
  std::vector<Feedback> corrections;
  std::size_t unlabelled = 0;  ///< tasks without an annotation, or with one that was skipped
};

/// Tasks as Label Studio exports them, or as label_studio_of() writes them. Of several annotations the last counts.
/// Each correction of a task that another program made gets an id from the task and its annotation, so that a second
/// import adds nothing. kInvalidData, with the task, for what is no such export.
[[nodiscard]] Result<LabelStudioImport> parse_label_studio(std::string_view json, const std::string& source);

}  // namespace valence::store
