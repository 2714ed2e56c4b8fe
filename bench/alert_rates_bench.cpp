// False alarms and delays of the rules, by simulation: what docs/alerts.md says of them. Seeded: each run prints the
// same.
//
//   alert_rates_bench [TEXTS]     texts of each stationary stream [20000000]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "valence/alert/cusum_design.h"
#include "valence/alert/detector.h"
#include "valence/alert/rule_line.h"
#include "valence/base/random.h"

namespace valence::alert {
namespace {

constexpr std::uint64_t kSeed = 20261122;
constexpr int kTrials = 10'001;
constexpr int kQuietTexts = 2'000;

class Texts {
 public:
  explicit Texts(std::uint64_t seed) : random_(seed) {}
  bool hit(double share) { return static_cast<double>(random_.next() >> 11U) * 0x1p-53 < share; }

 private:
  Random random_;
};

Rule rule_of(const std::string& line) {
  auto rule = parse_rule_line(line);
  if (!rule) {
    fmt::print(stderr, "{}\n", rule.error().to_string());
    std::exit(2);
  }
  return *rule;
}

/// How often an alarm begins.
std::uint64_t alarms(Detector& detector, Texts& texts, double share, std::uint64_t count) {
  std::uint64_t begun = 0;
  bool above = false;
  for (std::uint64_t i = 0; i < count; ++i) {
    detector.observe(0, texts.hit(share));
    const Reading reading = detector.reading();
    const bool now = reading.is_ready && reading.is_above;
    if (now == above) continue;
    above = now;
    begun += above ? 1 : 0;
    detector.set_firing(above);
  }
  return begun;
}

void given_baseline(std::uint64_t count) {
  fmt::print("baseline given: one alarm in so many texts, chosen and seen over {} texts\n", count);
  for (const double share : {0.02, 0.06, 0.1, 0.3}) {
    for (const int chosen : {5'000, 50'000}) {
      Texts texts(kSeed);
      const auto detector =
          make_detector(rule_of(fmt::format("negative above {}%, one false alarm in {} -> x", 100 * share, chosen)), 0);
      const auto seen = alarms(*detector, texts, share, count);
      fmt::print("  usual {:4.0f} %  chosen {:6}  seen {:8.0f}  ratio of rates {:.2f}\n", 100 * share, chosen,
                 static_cast<double>(count) / static_cast<double>(seen),
                 static_cast<double>(seen) * chosen / static_cast<double>(count));
    }
  }
}

/// Over many streams, each with a baseline of its own learned from its own texts; the chart is not refined meanwhile.
void learned_baseline(std::uint64_t count) {
  fmt::print("baseline learned, usual 10 %, one alarm in 50000 chosen, over 100 streams\n");
  for (const std::uint64_t learned_from : {5'000, 20'000, 200'000}) {
    Texts texts(kSeed + learned_from);
    const auto rule =
        rule_of(fmt::format("negative above usual, learn {}, one false alarm in 50000 -> x", learned_from));
    std::uint64_t begun = 0;
    const std::uint64_t after = count / 20;
    for (int stream = 0; stream < 100; ++stream) {
      Learned learned{.texts = learned_from, .hits = 0};
      for (std::uint64_t i = 0; i < learned_from; ++i) learned.hits += texts.hit(0.1) ? 1U : 0U;
      const auto detector = make_detector(rule, 0, learned);
      begun += alarms(*detector, texts, 0.1, after);
    }
    const UsualShare usual{.value = 0.1, .learned_texts = learned_from};
    const RunLengthRange range = run_length_range(design_cusum(usual, 50'000), usual);
    fmt::print("  from {:6} texts  ratio of rates {:.2f}  (nine streams in ten: one in {:.0f} to {:.0f})\n",
               learned_from, static_cast<double>(begun) * 50'000 / (100.0 * static_cast<double>(after)), range.low,
               range.high);
  }
}

/// One stream that learns from its first 5,000 texts, and from all that follow up to kEnoughLearnedTexts.
void learning_baseline(std::uint64_t count) {
  fmt::print("baseline learned from 5000 texts on, over {} texts\n", count);
  for (const double share : {0.02, 0.1, 0.3}) {
    for (const int chosen : {2'000, 50'000}) {
      Texts texts(kSeed);
      const auto detector = make_detector(
          rule_of(fmt::format("negative above usual, learn 5000, one false alarm in {} -> x", chosen)), 0);
      const auto seen = alarms(*detector, texts, share, count);
      const Learned learned = detector->learned().value_or(Learned());
      fmt::print("  usual {:4.0f} %  learned {:6.3f} %  chosen {:6}  ratio of rates {:.2f}\n", 100 * share,
                 100 * static_cast<double>(learned.hits) / static_cast<double>(learned.texts), chosen,
                 static_cast<double>(seen) * chosen / static_cast<double>(count));
    }
  }
}

void delays() {
  fmt::print("texts from a step of 10 % to the alarm, one false alarm in 50000, {} trials\n", kTrials);
  for (const char* condition : {"negative above 10%", "negative changes from 10%"}) {
    for (const double to : {0.15, 0.2, 0.3}) {
      Texts texts(kSeed);
      std::vector<int> all;
      const Rule rule = rule_of(fmt::format("{}, one false alarm in 50000 -> x", condition));
      for (int trial = 0; trial < kTrials; ++trial) {
        const auto detector = make_detector(rule, 0);
        for (int i = 0; i < kQuietTexts; ++i) detector->observe(0, texts.hit(0.1));
        if (detector->reading().is_above) continue;
        int delay = 0;
        while (!detector->reading().is_above) {
          detector->observe(0, texts.hit(to));
          ++delay;
        }
        all.push_back(delay);
      }
      std::ranges::sort(all);
      fmt::print("  {:<26} to {:2.0f} %  median {:4}  90 % {:4}\n", condition, 100 * to, all[all.size() / 2],
                 all[all.size() * 9 / 10]);
    }
  }
}

/// The rule that everyone writes first.
void fixed_rule(std::uint64_t count) {
  fmt::print("negative > 10% of last 100: of the time above\n");
  for (const double share : {0.05, 0.08, 0.1}) {
    Texts texts(kSeed);
    const auto detector = make_detector(rule_of("negative > 10% of last 100 -> x"), 0);
    std::uint64_t above = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      detector->observe(0, texts.hit(share));
      above += detector->reading().is_above ? 1U : 0U;
    }
    fmt::print("  usual {:4.0f} %  {:.1f} %\n", 100 * share,
               100 * static_cast<double>(above) / static_cast<double>(count));
  }
}

}  // namespace
}  // namespace valence::alert

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20'000'000;
  valence::alert::fixed_rule(count / 10);
  valence::alert::given_baseline(count);
  valence::alert::learned_baseline(count);
  valence::alert::learning_baseline(5 * count);
  valence::alert::delays();
}
