/// \file
/// Alerts and silences over HTTP, whoever decides them.
#pragma once

#include <string>
#include <vector>

#include "valence/pipeline/alert_board.h"
#include "valence/server/app.h"
#include "valence/server/background.h"

namespace valence::server {

/// GET /v1/alerts, GET and POST /v1/silences, DELETE /v1/silences/{id}. `board` null: no rules, and a silence is
/// refused. Silences go to a file, in `background`.
[[nodiscard]] std::vector<Route> alert_routes(ServerContext& context, pipeline::AlertBoard* board,
                                              Background& background);

/// Firing ones first, then pending, silenced and quiet; the latest first.
[[nodiscard]] std::vector<pipeline::AlertState> alert_states(const pipeline::AlertBoard& board);
/// One of "alerts" as docs/http-api.md has it.
void append_alert(std::string& out, const pipeline::AlertState& state);

}  // namespace valence::server
