#include "valence/cli/eval_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "valence/cli/progress.h"
#include "valence/cli/terminal.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {
constexpr std::size_t kShownRowErrors = 5;
}

Result<Answers> answer_with_progress(const Classifier& classifier, const EvalRows& rows, const GlobalOptions& global,
                                     const std::atomic<bool>& stop) {
  Progress progress(progress_style(global));
  return answer_rows(classifier, rows, stop, [&](std::size_t done) {
    progress.update(ProgressState{.rows = done, .bytes_done = done, .bytes_total = rows.size()});
  });
}

std::string name_of_model(const std::string& ref) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(ref, ignored)) return data::repaired_utf8(ref);
  const std::string name = std::filesystem::weakly_canonical(ref, ignored).filename().string();
  return data::repaired_utf8(name.empty() ? ref : name);
}

void print_failed_rows(std::span<const Error> failed) {
  for (const Error& error : failed.first(std::min(kShownRowErrors, failed.size()))) print_warning(error.to_string());
  if (failed.size() > kShownRowErrors) {
    print_note(fmt::format("and {} more rows that do not count", with_thousands(failed.size() - kShownRowErrors)));
  }
}

}  // namespace valence::cli
