#include "valence/engine/layer_search.h"

#include <algorithm>
#include <tuple>

namespace valence {

Result<LayerSearch> search_layers(std::int64_t num_layers, const LayerScore& all_int8, std::uint64_t needed_right,
                                  const MeasureKept& measure) {
  LayerSearch search;
  search.score = all_int8;
  const auto rank = [](const LayerTrial& trial) {
    return std::tuple(~trial.score.right, trial.score.logit_error, trial.layer);
  };
  while (search.score.right < needed_right && static_cast<std::int64_t>(search.kept.size()) < num_layers) {
    SearchStep step;
    for (std::int64_t layer = 0; layer < num_layers; ++layer) {
      if (std::ranges::find(search.kept, layer) != search.kept.end()) continue;
      std::vector<std::int64_t> kept = search.kept;
      kept.insert(std::ranges::upper_bound(kept, layer), layer);
      VALENCE_TRY(const LayerScore score, measure(kept));
      step.trials.push_back({layer, score});
    }
    step.chosen = *std::ranges::min_element(step.trials, {}, rank);
    search.kept.insert(std::ranges::upper_bound(search.kept, step.chosen.layer), step.chosen.layer);
    search.score = step.chosen.score;
    search.steps.push_back(std::move(step));
  }
  return search;
}

}  // namespace valence
