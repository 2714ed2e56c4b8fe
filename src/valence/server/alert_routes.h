/// \file
/// Alerts and silences over HTTP, whoever decides them.
#pragma once

#include <string>
#include <vector>

#include "valence/pipeline/alert_board.h"
#include "valence/server/app.h"

namespace valence::server {

/// GET /v1/alerts, POST /v1/silences, DELETE /v1/silences/{id}. `board` null: no rules, and a silence is refused.
[[nodiscard]] std::vector<Route> alert_routes(ServerContext& context, pipeline::AlertBoard* board);

/// {"alerts":[...],"silences":[...]}
[[nodiscard]] std::string alerts_json(const pipeline::AlertBoard* board);

}  // namespace valence::server
