/// \file
/// What was classified, over HTTP: /v1/history, /v1/trend, /v1/feedback.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/server/app.h"
#include "valence/server/background.h"
#include "valence/store/history_store.h"

namespace valence::server {

struct HistoryContext {
  ServerContext& server;
  store::HistoryStore& store;
  Background& background;
  /// After records were erased: what is held in memory goes, too.
  std::function<void()> erased = [] {};
};

/// `history` must outlive the routes.
[[nodiscard]] std::vector<Route> history_routes(HistoryContext& history);
/// The same paths where no history is kept: 404 that says so.
[[nodiscard]] std::vector<Route> no_history_routes();

/// The filter that a query string means. Errors: an unknown key, a time that is none.
[[nodiscard]] OrProblem<store::HistoryFilter> parse_filter(std::string_view query,
                                                           std::initializer_list<std::string_view> other_keys);

void append_record(std::string& out, const store::StoredRecord& record);

/// What a store's or a board's error is to a caller of the API.
[[nodiscard]] Problem problem_of(const Error& error);

}  // namespace valence::server
