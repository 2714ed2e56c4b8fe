// What of the engine's speed is left from CSV to CSV: the built-in model on one thread, with and without everything
// around it (reading, tokenizing, sorting, writing).
//
//   end_to_end_bench [FILE.csv ...]      examples/reviews.csv by default; small files are read several times
//
// Both take turns. CPU time of the whole process, its reading thread included. Equal texts are not folded.
#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "valence/bench/percentile.h"
#include "valence/classifier.h"
#include "valence/data/output_file.h"
#include "valence/data/writer.h"
#include "valence/engine/batch_builder.h"
#include "valence/engine/batch_planner.h"
#include "valence/engine/default_model.h"
#include "valence/engine/sequences.h"
#include "valence/model/runner.h"
#include "valence/pipeline/runner.h"
#include "valence/pipeline/source.h"
#include "valence/tokenizer.h"

namespace valence::bench {
namespace {

constexpr int kRounds = 5;
constexpr std::size_t kLeastTexts = 1000;
constexpr std::size_t kMaxLength = 512;

double process_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// One of our own, that goes when we go.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "valence-bench-XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr) throw std::system_error(errno, std::generic_category(), path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Result<std::vector<std::string>> read_texts(const std::vector<std::string>& files) {
  VALENCE_TRY(auto source, pipeline::open_files(files, {}, true));
  std::vector<std::string> texts;
  for (auto state = data::ReaderState::kMore; state == data::ReaderState::kMore;) {
    std::vector<data::Row> rows;
    VALENCE_TRY(state, source->next(rows, {}));
    for (const data::Row& row : rows) {
      if (row) texts.push_back(row->text);
    }
  }
  return texts;
}

/// The built-in model alone: token ids in, logits out.
class Engine {
 public:
  static Result<Engine> load(const std::vector<std::string>& texts) {
    const EmbeddedModel& embedded = default_model();
    VALENCE_TRY(Model model, load_model(embedded.config_json, embedded.weights, "built-in model"));
    VALENCE_TRY(const Tokenizer tokenizer, Tokenizer::from_tokenizer_json(embedded.tokenizer_json, "built-in model"));
    Engine engine;
    VALENCE_TRY(engine.runner_, make_runner(std::move(model)));
    for (const std::string& text : texts) {
      VALENCE_TRY(TextSequences made, make_sequences(tokenizer, text, {.max_length = kMaxLength}));
      engine.sequences_.push_back(std::move(made.sequences.front()));
      engine.lengths_.push_back(static_cast<std::uint32_t>(engine.sequences_.back().size()));
    }
    engine.plan_ = plan_batches(engine.lengths_, kDefaultBatchTokens);
    engine.workspace_ = engine.runner_->make_workspace();
    return engine;
  }
  Status run() {
    for (const auto& group : plan_) {
      builder_.clear();
      for (const std::uint32_t index : group) builder_.add(sequences_[index], {});
      logits_.resize(group.size() * runner_->spec().head.labels.size());
      if (Status done = runner_->run(builder_.batch(), *workspace_, logits_); !done) return done;
    }
    return {};
  }
  [[nodiscard]] std::size_t tokens() const {
    std::size_t tokens = 0;
    for (const std::uint32_t length : lengths_) tokens += length;
    return tokens;
  }

 private:
  std::vector<std::vector<std::int32_t>> sequences_;
  std::vector<std::uint32_t> lengths_;
  BatchPlan plan_;
  std::unique_ptr<EncoderRunner> runner_;
  std::unique_ptr<EncoderRunner::Workspace> workspace_;
  BatchBuilder builder_;
  std::vector<float> logits_;
};

Status classify_files(const Classifier& classifier, const std::vector<std::string>& files, const std::string& out) {
  std::atomic<bool> stop = false;
  VALENCE_TRY(auto source, pipeline::open_files(files, {.stop = &stop}, true));
  VALENCE_TRY(auto output, data::OutputFile::open(out, {.stop = &stop}));
  VALENCE_TRY(auto writer,
              data::make_writer(data::OutputFormat::kCsv,
                                {.input_columns = source->columns(), .labels = classifier.labels()}, output->sink()));
  pipeline::RunSummary summary;
  const Status done = pipeline::run(*source, classifier, *output, *writer, {.fold = false}, {}, stop, summary);
  return done ? output->commit() : done;
}

Status compare(std::vector<std::string> files) {
  VALENCE_TRY(std::vector<std::string> texts, read_texts(files));
  if (texts.empty())
    return fail(ErrorCode::kInvalidArgument, files.front(), "has no texts", "give one with a text column");
  const std::vector<std::string> once = files;
  const std::vector<std::string> texts_once = texts;
  while (texts.size() < kLeastTexts) {
    files.insert(files.end(), once.begin(), once.end());
    texts.insert(texts.end(), texts_once.begin(), texts_once.end());
  }
  VALENCE_TRY(Engine engine, Engine::load(texts));
  VALENCE_TRY(const auto classifier, Classifier::load_default({.threads = 1}));
  const TemporaryFolder folder;
  const std::string out = folder.path() + "/labelled.csv";
  std::vector<double> engine_seconds;
  std::vector<double> whole_seconds;
  std::vector<double> shares;
  for (int round = -1; round < kRounds; ++round) {
    const double start = process_cpu_seconds();
    if (Status done = engine.run(); !done) return done;
    const double between = process_cpu_seconds();
    if (Status done = classify_files(*classifier, files, out); !done) return done;
    const double end = process_cpu_seconds();
    if (round < 0) continue;  // buffers have grown
    engine_seconds.push_back(between - start);
    whole_seconds.push_back(end - between);
    shares.push_back(engine_seconds.back() / whole_seconds.back());
  }
  const auto count = static_cast<double>(texts.size());
  fmt::print("{} texts, {} tokens, built-in model in {}, 1 thread, median of {} rounds\n", texts.size(),
             engine.tokens(), name(classifier->precision()), kRounds);
  fmt::print("  engine        {:8.0f} texts/s\n", count / median(engine_seconds));
  fmt::print("  CSV to CSV    {:8.0f} texts/s: {:.1f} % of the engine's ({:.1f} to {:.1f})\n",
             count / median(whole_seconds), 100 * median(shares), 100 * percentile(shares, 1),
             100 * percentile(shares, 100));
  return {};
}

}  // namespace
}  // namespace valence::bench

int main(int argc, char** argv) {
  std::vector<std::string> files(argv + 1, argv + argc);
  if (files.empty()) files.emplace_back("examples/reviews.csv");
  const valence::Status done = valence::bench::compare(files);
  if (!done) fmt::print(stderr, "end_to_end_bench: {}\n", done.error().to_string());
  return done ? 0 : 1;
}
