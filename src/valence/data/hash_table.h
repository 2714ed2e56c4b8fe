/// \file
/// A flat hash table for keys that are hashes already: a few bytes an entry, no allocation of its own for any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "valence/base/siphash.h"

namespace valence::data {

/// Linear probing, at most 3/4 full, doubling. Key is std::uint64_t or Hash128; the one key Key{} has a place of its
/// own. Entries are never removed. Not thread-safe.
template <class Key, class Value>
class HashTable {
 public:
  struct Insertion {
    Value& value;  ///< valid until the next insert
    bool is_new;
  };

  /// The value under `key`, made `value` if there was none.
  Insertion insert(const Key& key, const Value& value) {
    if (key == Key{}) {
      const bool is_new = !std::exchange(has_zero_, true);
      if (is_new) zero_ = value;
      return {zero_, is_new};
    }
    if (4 * (size_ + 1) > 3 * slots_.size()) grow();
    Slot& slot = slots_[place_of(key)];
    if (slot.key == key) return {slot.value, false};
    slot = {key, value};
    ++size_;
    return {slot.value, true};
  }

  /// Null if there is none.
  [[nodiscard]] const Value* find(const Key& key) const {
    if (key == Key{}) return has_zero_ ? &zero_ : nullptr;
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[place_of(key)];
    return slot.key == key ? &slot.value : nullptr;
  }

  [[nodiscard]] std::size_t size() const { return size_ + (has_zero_ ? 1 : 0); }

 private:
  struct Slot {
    Key key{};
    Value value{};
  };

  static std::uint64_t bits_of(std::uint64_t key) { return key; }
  static std::uint64_t bits_of(const Hash128& key) { return key.low; }

  /// Where `key` is, or belongs. The table is never full.
  [[nodiscard]] std::size_t place_of(const Key& key) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = bits_of(key) & mask;
    while (slots_[at].key != key && slots_[at].key != Key{}) at = (at + 1) & mask;
    return at;
  }

  void grow() {
    constexpr std::size_t kFirstSlots = 1024;
    std::vector<Slot> before(slots_.empty() ? kFirstSlots : 2 * slots_.size());
    before.swap(slots_);
    for (const Slot& slot : before) {
      if (slot.key != Key{}) slots_[place_of(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
  bool has_zero_ = false;
  Value zero_{};
};

}  // namespace valence::data
