/// \file
/// The wire formats of other servers, as thin renderers over the same result. Their shapes, and where valence gives the
/// right number rather than a peer's: docs/serve.md, "Dialects".
#pragma once

#include <string>
#include <vector>

#include "valence/server/app.h"

namespace valence::server {

/// POST / and POST /models/{id}: the Hugging Face inference API's text classification.
[[nodiscard]] std::vector<Route> hugging_face_routes(ServerContext& context);
/// POST /predict, /tokenize (by its key shared with vLLM), /decode, GET /info: text-embeddings-inference.
[[nodiscard]] std::vector<Route> tei_routes(ServerContext& context);
/// POST /classify: vLLM.
[[nodiscard]] std::vector<Route> vllm_routes(ServerContext& context);
/// /v2/...: KServe's Open Inference Protocol, with Triton's classification extension.
[[nodiscard]] std::vector<Route> kserve_routes(ServerContext& context);

/// A request for `model` with an id made for every text.
[[nodiscard]] pipeline::ServiceRequest request_for(ServerContext& context,
                                                   std::shared_ptr<const pipeline::ServedModel> model,
                                                   std::vector<BatchText> texts);

/// What is wrong with the first text that could not be classified: these dialects have no place for one text's error.
[[nodiscard]] std::optional<Problem> first_error(const pipeline::ServiceReply& reply);

/// `predictions` under another function. Errors as Classifier::rescored.
[[nodiscard]] OrProblem<std::vector<Prediction>> rescored(const pipeline::ServiceReply& reply, ScoreFunction function);

/// [{"label","score"}...] or, with `score_first`, [{"score","label"}...], best first; `count` 0: all.
void append_ranked(std::string& out, const Prediction& prediction, const std::vector<std::string>& labels,
                   std::size_t count, bool score_first);

/// check_text() of both halves.
[[nodiscard]] std::optional<Problem> check_texts(const BatchText& text, const WireLimits& limits);

/// One string or {"text","text_pair"}.
[[nodiscard]] OrProblem<BatchText> parse_text_or_pair(const Json& value, const WireLimits& limits);

/// vLLM's half of POST /tokenize: {"prompt"} -> {"count","max_model_len","tokens"}.
void vllm_tokenize(ServerContext& context, const CallPointer& call, const Json& json);

}  // namespace valence::server
