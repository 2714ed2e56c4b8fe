#include "valence/cli/bench_estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/bench/estimate.h"
#include "valence/bench/machine.h"
#include "valence/bench/read_bandwidth.h"
#include "valence/bench/reference_peak.h"
#include "valence/cli/json_writer.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/progress.h"
#include "valence/cli/quantities.h"
#include "valence/data/shown_text.h"
#include "valence/kernels/dispatch.h"
#include "valence/model/config.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigBytes = 4U << 20U;

/// What is known of a model before it is packed.
struct KnownModel {
  ModelSpec spec;
  bool embeddings_are_int8 = false;
  Precision own_precision = Precision::kFp32;  ///< what --precision auto runs it in
  bool has_weights = false;
};

Result<KnownModel> from_config(const fs::path& path) {
  VALENCE_TRY(const std::string text, read_file(path, kMaxConfigBytes));
  VALENCE_TRY(const Json config, Json::parse(text, path.string()));
  KnownModel known;
  VALENCE_TRY(known.spec, parse_config(config));
  return known;
}

Result<KnownModel> know(const std::string& ref) {
  if (fs::path(ref).filename() == "config.json") return from_config(ref);
  auto model = load_model_of(ref);
  if (!model) {
    // A directory without weights has its config.json still.
    const auto directory = resolve_model(ref);
    std::error_code ignored;
    const bool only_config = model.error().code() == ErrorCode::kNotFound && directory && *directory &&
                             fs::exists(**directory / "config.json", ignored);
    return only_config ? from_config(**directory / "config.json") : fail(std::move(model).error());
  }
  KnownModel known{.spec = model->spec, .has_weights = true};
  known.embeddings_are_int8 = model->weights.embeddings.word.values.dtype == DType::kI8;
  for (const LayerWeights& layer : model->weights.layers) {
    if (layer.query.weight.values.dtype == DType::kI8) known.own_precision = Precision::kInt8;
  }
  return known;
}

/// How fast one thread reads as many bytes again and again, wherever they then lie.
double read_rate(std::uint64_t bytes, double seconds) {
  constexpr std::uint64_t kPage = 4096;
  constexpr std::uint64_t kMost = std::uint64_t{512} << 20U;  // more lies in main memory as well
  return bench::measure_read_gbs(std::min(kMost, bytes / kPage * kPage + kPage), 1, seconds);
}

struct Row {
  Precision precision;
  bench::Estimate estimate;
  double peak_gops = 0;
  double read_gbs = 0;
};

struct Answer {
  KnownModel model;
  std::size_t threads = 1;
  std::size_t batch_tokens = bench::EstimateInput().batch_tokens;
  std::uint64_t available_bytes = 0;
  std::vector<Row> rows;
};

Result<Row> estimate_row(const KnownModel& model, const kernels::KernelTable& table, Precision precision,
                         const BenchOptions& options) {
  const double seconds = std::min(2.0, 0.1 * options.seconds);  // as the bench gives a peak
  bench::EstimateInput input{
      .precision = precision, .threads = options.threads, .embeddings_are_int8 = model.embeddings_are_int8};
  const bench::Estimate sizes = bench::estimate(model.spec, table, input);
  Row row{precision, {}, options.peak_gops.value_or(0), options.bandwidth_gbs.value_or(0)};
  if (!options.peak_gops) {
    const auto peak = bench::reference_peak(sizes.runs_in, table.isa);
    if (peak) row.peak_gops = bench::measure_peak_gops(*peak, options.threads, seconds);
  }
  if (!options.bandwidth_gbs) row.read_gbs = read_rate(sizes.weight_bytes, seconds);
  input.peak_gops = row.peak_gops;
  input.read_gbs = row.read_gbs;
  row.estimate = bench::estimate(model.spec, table, input);
  return row;
}

Result<Answer> answer(const BenchOptions& options) {
  VALENCE_TRY(const kernels::KernelTable* const table, kernels::selected_kernels());
  Answer answer;
  VALENCE_TRY(answer.model, know(options.model));
  answer.threads = options.threads;
  answer.available_bytes =
      options.memory_bytes ? static_cast<std::uint64_t>(*options.memory_bytes) : bench::memory().available_bytes;
  std::vector<Precision> precisions{options.precision};
  if (options.precision == Precision::kAuto) {
    precisions = {Precision::kFp32, Precision::kBf16, Precision::kFp16, Precision::kInt8};
  }
  for (const Precision precision : precisions) {
    const bool fast = precision == Precision::kFp32 || kernels::encoder_kernels(*table, precision) != nullptr;
    // Left out unless asked for: it would repeat fp32's figures.
    if (!fast && options.precision == Precision::kAuto) continue;
    VALENCE_TRY(Row row, estimate_row(answer.model, *table, precision, options));
    answer.rows.push_back(std::move(row));
  }
  return answer;
}

bool runs(const Row& row, const Answer& answer) { return row.estimate.total_bytes <= answer.available_bytes; }

std::string speed_lines(const Row& row) {
  if (row.estimate.speeds.empty()) return "  speed: unknown, these kernels have no unit whose peak could be measured\n";
  std::string text = fmt::format("  {:<33} {:>16} {:>16}\n", "speed", "expected", "bound");
  for (const bench::SpeedEstimate& speed : row.estimate.speeds) {
    const auto cell = [&](double seconds) {
      if (speed.one_text) return fmt::format("{:.2f} ms", 1e3 * seconds);
      return with_thousands(static_cast<std::uint64_t>(static_cast<double>(speed.tokens) / seconds)) + " tokens/s";
    };
    text += fmt::format("  {:<33} {:>16} {:>16}\n", speed.workload, cell(speed.expected_seconds),
                        cell(speed.bound_seconds));
  }
  return text;
}

std::string to_text(const Answer& answer, const std::string& ref) {
  const EncoderSpec& encoder = answer.model.spec.encoder;
  const bench::ParameterCount& count = answer.rows.front().estimate.parameters;
  std::string shown;
  data::append_visible(shown, ref, data::LineEnds::kVisible);
  std::string text = fmt::format(
      "{}: {}, {} layers of {}; {:.1f} M parameters ({:.1f} M embeddings, {:.1f} M streamed in each pass){}\n"
      "a token: {:.1f} Mflop + {:.1f} kflop x tokens of its text\n",
      shown, answer.model.spec.model_type, encoder.num_hidden_layers, encoder.hidden_size,
      static_cast<double>(count.total()) / 1e6, static_cast<double>(count.embeddings) / 1e6,
      static_cast<double>(count.linear) / 1e6, answer.model.has_weights ? "" : "; from config.json alone",
      answer.rows.front().estimate.linear_flop_per_token / 1e6,
      answer.rows.front().estimate.attention_flop_per_square / 1e3);
  for (const Row& row : answer.rows) {
    const bench::Estimate& e = row.estimate;
    std::string_view note;
    if (e.runs_in != row.precision) note = " (no fast kernels for it here: runs in fp32)";
    if (row.precision == answer.model.own_precision) note = " (the model's own)";
    text += fmt::format(
        "\n{}{}, {} thread{}: {}\n"
        "  memory {}: weights {}, embeddings {}, work {} in batches of {} tokens; {} free\n"
        "  {:.0f} Gop/s, weights read at {:.1f} GB/s by a thread\n",
        name(row.precision), note, answer.threads, answer.threads == 1 ? "" : "s",
        runs(row, answer) ? "it runs" : "not enough memory", megabytes(e.total_bytes), megabytes(e.weight_bytes),
        megabytes(e.embedding_bytes), megabytes(e.workspace_bytes), answer.batch_tokens,
        megabytes(answer.available_bytes), row.peak_gops, row.read_gbs);
    text += speed_lines(row);
  }
  return text;
}

void write_row(JsonWriter& json, const Row& row, const Answer& answer) {
  const bench::Estimate& e = row.estimate;
  json.open_object();
  json.value("precision", name(row.precision));
  json.value("runs_in", name(e.runs_in));
  json.value("runs", runs(row, answer));
  json.value("weight_bytes", e.weight_bytes);
  json.value("embedding_bytes", e.embedding_bytes);
  json.value("workspace_bytes", e.workspace_bytes);
  json.value("total_bytes", e.total_bytes);
  json.value("peak_gops", row.peak_gops);
  json.value("read_gbs", row.read_gbs);
  json.open_array("speeds");
  for (const bench::SpeedEstimate& speed : e.speeds) {
    json.open_object();
    json.value("workload", speed.workload);
    json.value("texts", speed.texts);
    json.value("tokens", speed.tokens);
    json.value("bound_seconds", speed.bound_seconds);
    json.value("expected_seconds", speed.expected_seconds);
    json.value("expected_tokens_per_second", static_cast<double>(speed.tokens) / speed.expected_seconds);
    json.close();
  }
  json.close();
  json.close();
}

std::string to_json(const Answer& answer, const std::string& ref) {
  const bench::Estimate& first = answer.rows.front().estimate;
  JsonWriter json;
  json.open_object();
  json.value("valence", VALENCE_VERSION);
  json.open_object("model");
  json.value("ref", ref);
  json.value("model_type", answer.model.spec.model_type);
  json.value("has_weights", answer.model.has_weights);
  json.value("own_precision", name(answer.model.own_precision));
  json.value("parameters", static_cast<std::uint64_t>(first.parameters.total()));
  json.value("embedding_parameters", static_cast<std::uint64_t>(first.parameters.embeddings));
  json.value("linear_parameters", static_cast<std::uint64_t>(first.parameters.linear));
  json.value("linear_flop_per_token", first.linear_flop_per_token);
  json.value("attention_flop_per_square", first.attention_flop_per_square);
  json.close();
  json.value("threads", answer.threads);
  json.value("batch_tokens", answer.batch_tokens);
  json.value("available_bytes", answer.available_bytes);
  json.open_array("estimates");
  for (const Row& row : answer.rows) write_row(json, row, answer);
  json.close();
  json.close();
  return json.text();
}

}  // namespace

Result<std::string> estimate_text(const BenchOptions& options) {
  VALENCE_TRY(const Answer found, answer(options));
  return options.json ? to_json(found, options.model) : to_text(found, options.model);
}

}  // namespace valence::cli
