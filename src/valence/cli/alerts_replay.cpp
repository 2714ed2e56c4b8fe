#include "valence/cli/alerts_replay.h"

#include <algorithm>

namespace valence::cli {
namespace {

constexpr std::int64_t kTickMs = 1000;       // as often as a running program looks
constexpr std::int64_t kMaxTicks = 100'000;  // through a gap without texts

bool is_same(const alert::AlertItem& a, const alert::AlertItem& b) {
  return a.rule.name == b.rule.name && a.stream == b.stream && a.channel == b.channel;
}

}  // namespace

Replay replay(const std::vector<alert::Rule>& rules, const alert::GroupTiming& timing,
              const std::vector<PastText>& texts) {
  Replay out;
  if (texts.empty()) return out;
  out.begin_ms = texts.front().time_ms;
  out.end_ms = texts.back().time_ms;
  std::uint64_t ids = 0;
  alert::AlertBook book(
      {.rules = rules, .timing = timing, .begin_ms = out.begin_ms, .new_id = [&] { return std::to_string(++ids); }});
  book.on_transition = [&](const alert::AlertItem& item) {
    if (item.firing) {
      out.firings.push_back({.item = item, .ended_ms = 0, .at_text = out.texts});
      return;
    }
    const auto begun = std::find_if(out.firings.rbegin(), out.firings.rend(),
                                    [&](const Firing& firing) { return is_same(firing.item, item); });
    if (begun != out.firings.rend()) begun->ended_ms = item.ended_ms;
  };
  std::int64_t now_ms = out.begin_ms;
  for (const PastText& text : texts) {
    // Long gaps are crossed in as many looks, so that a year without texts takes no longer than a day.
    const std::int64_t step_ms = std::max(kTickMs, (text.time_ms - now_ms) / kMaxTicks);
    while (text.time_ms - now_ms >= step_ms) {
      now_ms += step_ms;
      out.messages += book.advance(now_ms).size();
    }
    ++out.texts;
    book.observe({.stream = text.stream, .channel = text.channel, .label = text.label, .text = {}}, text.time_ms);
  }
  // What is due after the last text would have been told as well.
  for (now_ms = out.end_ms; now_ms <= out.end_ms + timing.wait_ms + timing.interval_ms; now_ms += kTickMs)
    out.messages += book.advance(now_ms).size();
  return out;
}

}  // namespace valence::cli
