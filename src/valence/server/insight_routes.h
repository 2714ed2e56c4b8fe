/// \file
/// What the history adds up to, over HTTP: /v1/trend, /v1/streams, /v1/words, /v1/feedback/queue.
#pragma once

#include <string>
#include <vector>

#include "valence/server/history_routes.h"

namespace valence::server {

/// `history` must outlive the routes; null: none is kept, and the routes answer 409.
[[nodiscard]] std::vector<Route> insight_routes(HistoryContext* history);

/// Streams, and channels of a stream, beyond this many are together in one called "other".
inline constexpr std::size_t kMaxStreams = 200;

/// Counts by stream and channel, of a trend by both; those with more texts first, then by name.
[[nodiscard]] std::string streams_json(const store::Trend& trend);
/// A series for each combination that `request` asks for, its buckets ascending.
[[nodiscard]] std::string trend_json(const store::TrendRequest& request, const store::Trend& trend);

}  // namespace valence::server
