#include "valence/data/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "valence/data/delimited_writer.h"
#include "valence/data/json_writer.h"
#include "valence/data/shown_text.h"
#include "valence/data/table_writer.h"

namespace valence::data {
namespace {
constexpr std::array<std::string_view, 8> kResultNames = {"label",     "score", "scores",  "entities",
                                                          "truncated", "error", "emotion", "aspects"};
}

std::string output_name(std::string_view name, std::span<const std::string_view> all_names) {
  std::string written(name);
  if (std::find(kResultNames.begin(), kResultNames.end(), name) == kResultNames.end()) return written;
  do {
    written.insert(0, "input.");
  } while (std::find(all_names.begin(), all_names.end(), written) != all_names.end());
  return written;
}

Status check_same_columns(std::span<const std::string> first, std::span<const std::string> other,
                          const std::string& other_name) {
  const auto refuse = [&](std::string what) {
    return fail(ErrorCode::kInvalidData, other_name, std::move(what),
                "use -f jsonl, where each row has its own fields");
  };
  constexpr std::size_t kShownColumns = 60;
  if (first.size() != other.size()) {
    return refuse(fmt::format("has {} columns, the first file has {}", other.size(), first.size()));
  }
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (first[i] != other[i]) {
      return refuse(fmt::format("column {} is \"{}\", in the first file it is \"{}\"", i + 1,
                                shown(other[i], kShownColumns), shown(first[i], kShownColumns)));
    }
  }
  return {};
}

Result<std::unique_ptr<Writer>> make_writer(OutputFormat format, OutputSchema schema, OutputSink& sink,
                                            const WriterOptions& options) {
  switch (format) {
    case OutputFormat::kTable:
      return std::make_unique<TableWriter>(schema, sink, options);
    case OutputFormat::kCsv:
      return std::make_unique<DelimitedWriter>(std::move(schema), sink, options, ',');
    case OutputFormat::kTsv:
      return std::make_unique<DelimitedWriter>(std::move(schema), sink, options, '\t');
    case OutputFormat::kJsonl:
      return std::make_unique<JsonlWriter>(schema, sink, options);
    case OutputFormat::kJson:
      return std::make_unique<JsonWriter>(schema, sink, options);
  }
  return nullptr;
}

}  // namespace valence::data
