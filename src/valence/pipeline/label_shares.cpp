#include "valence/pipeline/label_shares.h"

namespace valence::pipeline {
namespace {

constexpr std::string_view kWindowName = "100";

}  // namespace

LabelShares::LabelShares(observe::Metrics& metrics) : metrics_(metrics) {
  metrics.on_expose([this] { expose(); });
}

Status LabelShares::write(std::span<const ClassifiedRecord> records) {
  const std::lock_guard lock(mutex_);
  for (const ClassifiedRecord& record : records) {
    if (streams_.size() >= kMaxStreams && !streams_.contains(record.stream)) continue;
    Stream& stream = streams_[record.stream];
    const auto [name, is_new] =
        stream.names.try_emplace(record.label, static_cast<std::uint32_t>(stream.counts.size()));
    if (is_new) stream.counts.push_back(0);
    stream.labels.push_back(name->second);
    ++stream.counts[name->second];
    if (stream.labels.size() > kWindow) {
      --stream.counts[stream.labels.front()];
      stream.labels.pop_front();
    }
  }
  return {};
}

void LabelShares::expose() {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, stream] : streams_) {
    for (const auto& [label, index] : stream.names) {
      const auto share = static_cast<double>(stream.counts[index]) / static_cast<double>(stream.labels.size());
      metrics_.gauge(observe::Metric::kSentimentRatio, {name, label, kWindowName}).set(share);
    }
  }
}

}  // namespace valence::pipeline
