#include "valence/pipeline/label_shares.h"

namespace valence::pipeline {
namespace {

constexpr std::string_view kWindowName = "100";
constexpr std::chrono::minutes kLookForIdle{1};

}  // namespace

LabelShares::LabelShares(observe::Metrics& metrics, const Clock& clock) : metrics_(metrics), clock_(clock) {
  metrics.on_expose([this] { expose(); });
}

Status LabelShares::write(std::span<const ClassifiedRecord> records) {
  const auto now = clock_.now();
  const std::lock_guard lock(mutex_);
  if (now - looked_for_idle_ >= kLookForIdle) drop_idle(now);
  for (const ClassifiedRecord& record : records) {
    if (streams_.size() >= kMaxStreams && !streams_.contains(record.stream)) continue;
    Stream& stream = streams_[record.stream];
    stream.last = now;
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
  drop_idle(clock_.now());
  for (auto& [name, stream] : streams_) {
    if (stream.labels.size() < kWindow) continue;
    stream.is_exposed = true;
    for (const auto& [label, index] : stream.names) {
      const auto share = static_cast<double>(stream.counts[index]) / static_cast<double>(stream.labels.size());
      metrics_.gauge(observe::Metric::kSentimentRatio, {name, label, kWindowName}).set(share);
    }
  }
}

void LabelShares::drop_idle(Clock::TimePoint now) {
  looked_for_idle_ = now;
  for (auto stream = streams_.begin(); stream != streams_.end();) {
    if (now - stream->second.last < kIdle) {
      ++stream;
      continue;
    }
    for (const auto& [label, index] : stream->second.names) {
      if (stream->second.is_exposed)
        metrics_.remove_gauge(observe::Metric::kSentimentRatio, {stream->first, label, kWindowName});
    }
    stream = streams_.erase(stream);
  }
}

}  // namespace valence::pipeline
