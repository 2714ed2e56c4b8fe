/// \file
/// What was classified, over HTTP: /v1/history, /v1/feedback.
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
  store::TextPolicy text = store::TextPolicy::kHash;
  /// After records were erased: what is held in memory goes, too.
  std::function<void()> erased = [] {};
};

/// `history` must outlive the routes; null: none is kept, and the routes answer 409.
[[nodiscard]] std::vector<Route> history_routes(HistoryContext* history);

/// A record as docs/http-api.md has it; with `text` where there is one.
void append_record(std::string& out, const store::StoredRecord& record);

/// `,"name":"value"`, without the comma behind `{`; and the same, left out where there is nothing to say.
void append_member(std::string& out, std::string_view name, std::string_view value);
void append_member_if_any(std::string& out, std::string_view name, std::string_view value);

/// Runs `work` in the background; 429 where too much waits there.
void run_later(Background& background, const CallPointer& call, std::function<void()> work);
/// Runs `work` in the background; what it returns is the body of an answer with `status`.
void answer_later(Background& background, const CallPointer& call, std::function<OrProblem<std::string>()> work,
                  int status = 200);

/// Makes the body of a 200 of a request's query string, in the background; 409 where `history` is null.
using HistoryBody = OrProblem<std::string> (*)(HistoryContext& history, const std::string& query);
[[nodiscard]] std::function<void(CallPointer)> answered_by(HistoryContext* history, HistoryBody body);
void refuse_without_history(const CallPointer& call);

/// What a store's or a board's error is to a caller of the API.
[[nodiscard]] Problem problem_of(const Error& error);

template <class T>
[[nodiscard]] OrProblem<T> or_problem(Result<T> result) {
  if (!result) return tl::unexpected<Problem>(problem_of(result.error()));
  return *std::move(result);
}

}  // namespace valence::server
