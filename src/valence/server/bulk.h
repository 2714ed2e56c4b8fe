/// \file
/// NDJSON in, NDJSON out: any number of texts over one request, answered in order while they come.
#pragma once

#include <memory>

#include "valence/server/app.h"

namespace valence::server {

/// POST /v1/classify with Content-Type: application/x-ndjson. A line is a string or {"text","text_pair"?,"id"?,
/// "metadata"?}; its answer is what "results" holds for it, or {"id"?,"error"}. The URL's query has what the body of a
/// JSON request says beside its texts: model, top_k, threshold, stream, channel, subject.
///
/// Reads no more than it can classify and send: a client that does not read its answers is not read from, and other
/// requests' share of the queue stays free.
std::shared_ptr<BodyReader> open_bulk(ServerContext& context, const CallPointer& call);

}  // namespace valence::server
