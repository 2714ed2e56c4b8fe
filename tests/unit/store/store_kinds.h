/// \file
/// The kinds of history that the contract suite runs over.
#pragma once

#include <vector>

#include "unit/store/history_contract.h"

namespace valence::store::testing {

std::vector<StoreKind> store_kinds();

}  // namespace valence::store::testing
