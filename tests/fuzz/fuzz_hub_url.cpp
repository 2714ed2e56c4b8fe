// Any bytes as a redirect's address, or as a name on the hub: refused, or something that reads back as the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "valence/hub/repo_ref.h"
#include "valence/net/retry.h"
#include "valence/net/url.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace valence::hub;
  namespace net = valence::net;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto base = net::parse_url("https://huggingface.co/org/name/resolve/main/file");
  const auto url = net::resolve_redirect(*base, text);
  if (url) {
    const std::string whole = url->to_string();
    require(whole.find_first_of(" \r\n\t\\\"") == std::string::npos);
    const auto again = net::parse_url(whole);
    require(again && again->origin == url->origin && again->target == url->target);
  }
  const auto ref = parse_repo_ref(text);
  if (ref) {
    require(repo_of_cache_folder(cache_folder_of(ref->repo)) == ref->repo);
    require(is_safe_file_name(ref->revision));
  }
  const auto seconds = net::parse_retry_after(text);
  require(!seconds || seconds->count() >= 0);
  return 0;
}
