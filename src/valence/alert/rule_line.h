/// \file
/// A rule as one line of configuration.
///
///   LABEL > SHARE of last COUNT|DURATION   [, OPTION]... -> RECEIVER [, RECEIVER]...
///   LABEL above usual|SHARE                [, OPTION]... -> ...
///   LABEL changes [from SHARE]             [, OPTION]... -> ...
///
/// LABEL may be several: `negative or anger`. OPTION is one of: `at least N texts`, `clear at SHARE`, `for DURATION`,
/// `cooldown DURATION`, `per channel`, `on stream NAME`, `one false alarm in N texts`, `learn N texts`, `N examples`.
/// "negative > 10% of last 100 -> slack" means: of the last 100 texts, when there are that many, more than 10 are
/// labelled negative.
#pragma once

#include <string_view>

#include "valence/alert/rule.h"

namespace valence::alert {

/// The rule, checked, its name the line before the arrow. Errors are kInvalidArgument and name the word that was not
/// understood.
Result<Rule> parse_rule_line(std::string_view line);

}  // namespace valence::alert
