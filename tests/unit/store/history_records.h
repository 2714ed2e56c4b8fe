/// \file
/// Records for the tests of histories.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "valence/store/history_store.h"

namespace valence::store::testing {

struct RecordSpec {
  std::string id;
  std::int64_t time_ms = 0;
  std::string label = "negative";
  float score = 0.5F;
  std::string text = "some text";
  std::string stream = "default";
  std::string channel{};
  std::string subject{};
};

inline pipeline::ClassifiedRecord classified(const RecordSpec& spec) {
  return {.id = spec.id,
          .time_ms = spec.time_ms,
          .stream = spec.stream,
          .channel = spec.channel,
          .subject = spec.subject,
          .text = spec.text,
          .label = spec.label,
          .score = spec.score,
          .scores = {{"negative", spec.score}, {"positive", 1 - spec.score}},
          .model = "default",
          .model_version = "0123456789ab",
          .config_version = "ba9876543210",
          .tokens = 7,
          .truncated = true,
          .metadata = R"({"stars":1})"};
}

inline StoredRecord stored(const RecordSpec& spec, TextPolicy policy = TextPolicy::kFull) {
  return stored_form(classified(spec), policy);
}

inline std::vector<std::string> ids_of(const HistoryPage& page) {
  std::vector<std::string> ids;
  for (const StoredRecord& item : page.items) ids.push_back(item.record.id);
  return ids;
}

}  // namespace valence::store::testing
