/// \file
/// What every road (file, HTTP, Kafka) hands to those who remember, count or alert: a text and what was said of it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "valence/base/error.h"

namespace valence::pipeline {

struct LabelScore {
  std::string label;
  float score = 0;
};

struct ClassifiedRecord {
  std::string id;            ///< ULID made at admission, or the caller's own; a repeated id is the same record
  std::int64_t time_ms = 0;  ///< when it was admitted, Unix time in milliseconds, UTC
  std::string stream;        ///< which flow of texts it belongs to, e.g. "reviews"; "default" where none was named
  std::string channel;       ///< where inside the stream it came from, e.g. "ios"; empty where none was named
  std::string subject;       ///< whom the text is about or from, for "delete everything about X"; may be empty
  std::string text;          ///< valid UTF-8, as it was classified
  std::string label;         ///< what was answered, after threshold or abstention
  float score = 0;           ///< of `label`; of the best label where the answer is "uncertain"
  std::vector<LabelScore> scores = {};  ///< every label, by label id
  std::string model;                    ///< the name it was asked by
  std::string model_version;            ///< 12 hexadecimal digits of the weights' sha256
  std::string config_version;           ///< 12 hexadecimal digits over what else decides an answer (thresholds, ...)
  std::uint32_t tokens = 0;
  bool truncated = false;
  std::string metadata;  ///< a JSON object as the caller sent it; empty where there was none
};

/// Takes finished records. Implementations say how durable "taken" is.
class RecordSink {
 public:
  RecordSink() = default;
  RecordSink(const RecordSink&) = delete;
  RecordSink& operator=(const RecordSink&) = delete;
  virtual ~RecordSink() = default;

  /// Thread-safe; never waits for a network or a slow disk. An error means that none of `records` was taken.
  [[nodiscard]] virtual Status write(std::span<const ClassifiedRecord> records) = 0;
};

}  // namespace valence::pipeline
