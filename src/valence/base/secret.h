/// \file
/// What must not be seen: keys, tokens, addresses that let one in.
#pragma once

#include <string.h>  // explicit_bzero is no part of <cstring>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace valence {

/// A text that no formatter or stream takes, so that no message, log or dump holds it by accident. Its own memory is
/// cleared when it goes.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : text_(other.text_) { other.clear(); }
  Secret& operator=(Secret other) noexcept {
    text_.swap(other.text_);
    return *this;
  }
  ~Secret() { clear(); }

  [[nodiscard]] bool empty() const { return text_.empty(); }
  /// Only for the request, header or hash that it is for.
  [[nodiscard]] const std::string& reveal() const { return text_; }

  /// Whether `given` is this text. The time taken depends on the length of `given`, and on nothing of the secret.
  [[nodiscard]] bool matches(std::string_view given) const {
    std::size_t differences = text_.size() ^ given.size();
    for (std::size_t i = 0; i < given.size(); ++i) {
      const char own = text_.empty() ? '\0' : text_[i % text_.size()];
      differences |= static_cast<unsigned char>(own ^ given[i]);
    }
    return differences == 0 && !text_.empty();
  }

 private:
  void clear() {
    ::explicit_bzero(text_.data(), text_.size());
    text_.clear();
  }

  std::string text_;
};

}  // namespace valence
