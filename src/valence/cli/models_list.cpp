/// \file
/// `valence models list`: what -m takes by name.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "valence/base/json_text.h"
#include "valence/cli/cached_model.h"
#include "valence/cli/command.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/option_values.h"
#include "valence/cli/quantities.h"
#include "valence/cli/terminal.h"
#include "valence/data/shown_text.h"
#include "valence/engine/default_model.h"

namespace valence::cli {
namespace {

enum class ListFormat { kTable, kJson };
constexpr std::array<Choice<ListFormat>, 2> kFormats{{{"table", ListFormat::kTable}, {"json", ListFormat::kJson}}};

/// A model by the name that -m takes.
struct ListedModel {
  std::string name;
  const hub::CachedSnapshot* snapshot = nullptr;  ///< nothing: built in
  std::uint64_t size_bytes = 0;
  ModelTraits traits;
};

Result<ListedModel> built_in() {
  VALENCE_TRY(const Model model, load_model_of(std::string(kDefaultModelName)));
  return ListedModel{.name = std::string(kDefaultModelName),
                     .size_bytes = default_model().weights.size(),
                     .traits = {.model_type = model.spec.model_type, .labels = model.spec.head.labels, .refusal = {}}};
}

/// The part before the first sentence's end: the whole is what `models info` is for.
std::string verdict(const ModelTraits& traits) {
  return traits.refusal ? fmt::format("no: {}", traits.refusal->what()) : "yes";
}

std::string labels_in_short(const std::vector<std::string>& labels) {
  constexpr std::size_t kShown = 3;
  const std::size_t shown = std::min(kShown, labels.size());
  std::string text =
      fmt::format("{}", fmt::join(labels.begin(), labels.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (labels.size() > shown) text += fmt::format(", {} more", labels.size() - shown);
  return text;
}

using Row = std::array<std::string, 7>;

Row row_of(const ListedModel& model) {
  const hub::CachedSnapshot* snapshot = model.snapshot;
  return {model.name,
          snapshot == nullptr ? "built in" : snapshot->commit.substr(0, 7),
          megabytes(model.size_bytes),
          model.traits.model_type,
          labels_in_short(model.traits.labels),
          snapshot == nullptr ? "" : utc_time(snapshot->last_used()).substr(0, 10),
          verdict(model.traits)};
}

std::string table(const std::vector<ListedModel>& models) {
  constexpr std::size_t kMostColumns = 60;
  std::vector<Row> rows{{"NAME", "COMMIT", "SIZE", "TYPE", "LABELS", "LAST USED", "CLASSIFIES"}};
  for (const ListedModel& model : models) rows.push_back(row_of(model));
  std::array<std::size_t, std::tuple_size_v<Row>> widths{};
  for (Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      // The name is there to be copied, and the last column may be as long as it likes.
      row[i] = i == 0 || i + 1 == row.size() ? data::visible(row[i])
                                             : data::shown(row[i], kMostColumns, !is_dumb_terminal());
      widths[i] = std::max(widths[i], data::display_width(row[i]));
    }
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      text += fmt::format("{}{:{}}  ", row[i], "", widths[i] - data::display_width(row[i]));
    }
    text += fmt::format("{}\n", row.back());
  }
  return text;
}

std::string json(const std::vector<ListedModel>& models) {
  JsonText out;
  out.begin_array();
  for (const ListedModel& model : models) {
    const hub::CachedSnapshot* snapshot = model.snapshot;
    out.begin_object().key("name").string(model.name).key("built_in").boolean(snapshot == nullptr);
    if (snapshot != nullptr) {
      out.key("repo").string(snapshot->repo).key("commit").string(snapshot->commit).key("revisions").begin_array();
      for (const std::string& ref : snapshot->refs) out.string(data::repaired_utf8(ref));
      out.end_array().key("path").string(data::repaired_utf8(snapshot->path.string()));
      out.key("last_used").string(utc_time(snapshot->last_used()));
    }
    out.key("size_bytes").integer(static_cast<std::int64_t>(model.size_bytes));
    out.key("model_type");
    model.traits.model_type.empty() ? out.null() : out.string(model.traits.model_type);
    out.key("labels").begin_array();
    for (const std::string& label : model.traits.labels) out.string(data::repaired_utf8(label));
    out.end_array().key("classifies").boolean(!model.traits.refusal);
    if (model.traits.refusal) out.key("reason").string(data::repaired_utf8(model.traits.refusal->to_string()));
    out.end_object();
  }
  std::string text = out.end_array().text() + "\n";
  if (is_terminal(STDOUT_FILENO)) data::escape_for_terminal(text, 0);
  return text;
}

Result<std::string> list(ListFormat format) {
  VALENCE_TRY(ListedModel own, built_in());
  std::vector<ListedModel> models;
  models.push_back(std::move(own));
  std::vector<hub::CachedSnapshot> snapshots;
  if (const auto cache = open_cache()) {
    VALENCE_TRY(snapshots, cache->scan());
  }
  for (const hub::CachedSnapshot& snapshot : snapshots) {
    models.push_back({.name = snapshot.name(),
                      .snapshot = &snapshot,
                      .size_bytes = snapshot.size_bytes(),
                      .traits = examine_model(snapshot.path)});
  }
  return format == ListFormat::kJson ? json(models) : table(models);
}

}  // namespace

Command add_models_list(CLI::App& models) {
  CLI::App* app =
      models.add_subcommand("list", "Models that -m takes by name: built in, and in the Hugging Face cache");
  app->footer("Examples:\n  valence models list\n  valence models list -f json");
  const auto format = std::make_shared<std::string>("table");
  app->add_option("-f,--format", *format, "table or json [table]")->type_name("F");
  return {.app = app, .run = [format](const GlobalOptions&) {
            const auto text = choose("--format", *format, kFormats).and_then(list);
            if (text) return print_to_stdout(*text);
            print_error(text.error());
            return exit_code_for(text.error().code());
          }};
}

}  // namespace valence::cli
