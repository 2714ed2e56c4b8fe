// Configuration files: any bytes are a table or an error with line and column, and the table written as TOML is read
// as the same table; rules and receivers in it are judged without a crash.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "valence/cli/alerts_config.h"
#include "valence/cli/config_file.h"
#include "valence/cli/toml_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using valence::cli::parse_config;
  using valence::cli::toml_value;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto table = parse_config(text, "f");
  if (!table) {
    if (!table.error().where().starts_with("f:")) std::abort();
    return 0;
  }
  // As one inline table it is nested a level deeper, and toml++ has a limit.
  constexpr std::ptrdiff_t kFewLevels = 100;
  const bool is_flat =
      std::count_if(text.begin(), text.end(), [](char c) { return c == '[' || c == '{' || c == '.'; }) < kFewLevels;
  const std::string written = "t = " + toml_value(*table, {});
  const auto again = parse_config(written, "f");
  if (is_flat && (!again || toml_value(*again->find("t"), {}) != toml_value(*table, {}))) std::abort();
  if (const auto* alerts = table->find("alerts"); alerts != nullptr && alerts->kind == table->kind) {
    (void)valence::cli::read_alert_settings(alerts);
  }
  return 0;
}
