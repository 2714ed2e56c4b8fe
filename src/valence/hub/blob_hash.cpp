#include "valence/hub/blob_hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <string_view>
#include <vector>

#include "valence/base/check.h"

namespace valence::hub {

struct BlobHash::Context {
  Context() : digest(EVP_MD_CTX_new()) {
    if (digest == nullptr) throw std::bad_alloc();
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(digest); }

  EVP_MD_CTX* digest;
};

BlobHash::BlobHash(BlobName::Kind kind, std::uint64_t size_bytes) : context_(std::make_unique<Context>()) {
  const bool is_git = kind == BlobName::Kind::kGitSha1;
  const int started = EVP_DigestInit_ex(context_->digest, is_git ? EVP_sha1() : EVP_sha256(), nullptr);
  VALENCE_ASSERT(started == 1, "both digests are in OpenSSL's default provider");
  if (!is_git) return;
  const std::string header = fmt::format("blob {}", size_bytes);
  EVP_DigestUpdate(context_->digest, header.c_str(), header.size() + 1);  // with its NUL
}

BlobHash::BlobHash(BlobHash&& other) noexcept = default;
BlobHash& BlobHash::operator=(BlobHash&& other) noexcept = default;
BlobHash::~BlobHash() = default;

void BlobHash::update(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(context_->digest, bytes.data(), bytes.size());
}

std::string BlobHash::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_->digest, digest.data(), &size);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

Status hash_descriptor(BlobHash& hash, int fd, std::uint64_t size_bytes, const std::filesystem::path& name,
                       const std::function<bool(std::uint64_t)>& advance) {
  constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, size_bytes)));
  for (std::uint64_t at = 0; at < size_bytes;) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), size_bytes - at));
    const ssize_t got = ::pread(fd, piece.data(), want, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return fail(ErrorCode::kIo, name.string(), fmt::format("cannot be read: {}", system_error_text(errno)));
    if (got == 0) return fail(ErrorCode::kIo, name.string(), "became shorter while it was being read");
    hash.update(std::span(piece).first(static_cast<std::size_t>(got)));
    at += static_cast<std::uint64_t>(got);
    if (!advance(static_cast<std::uint64_t>(got)))
      return fail(ErrorCode::kCancelled, name.string(), "was not read to its end");
  }
  return {};
}

}  // namespace valence::hub
