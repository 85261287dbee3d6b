#include "core/files/sha256.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <lensbench/error.hpp>
#include <vector>

#include "core/files/file_descriptor.hpp"

// SHA-256 by libcrypto, whose implementation uses the instructions of the processor for it.

namespace lensbench {

struct Sha256::State {
  struct Free {
    void operator()(EVP_MD_CTX* freed) const { EVP_MD_CTX_free(freed); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

/// libcrypto may lack the algorithm if the system configures it so.
Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1)
    throw RunError("SHA-256 is not available in this system's libcrypto");
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(std::span<const std::byte> bytes) {
  if (EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) != 1)
    throw RunError("libcrypto failed to hash " + std::to_string(bytes.size()) + " bytes");
  return *this;
}

Sha256& Sha256::update(std::string_view bytes) {
  return update(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest;
  unsigned int length = 0;
  if (EVP_DigestFinal_ex(state_->context.get(), digest.data(), &length) != 1 ||
      length != digest.size())
    throw RunError("libcrypto failed to finish a SHA-256");
  return digest;
}

std::string to_hex(const Sha256Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

/// Only lower-case digits, as `to_hex` writes them: a digest has one spelling.
std::optional<Sha256Digest> from_hex(std::string_view text) {
  Sha256Digest digest{};
  if (text.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto value = std::string_view("0123456789abcdef").find(text[i]);
    if (value == std::string_view::npos) return std::nullopt;
    auto& byte = digest[i / 2];
    byte = static_cast<std::uint8_t>(byte * 16 + value);
  }
  return digest;
}

std::string sha256_hex(std::string_view bytes) {
  return to_hex(Sha256().update(bytes).finish());
}

std::string sha256_file(const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw InputError(path.string() + ": cannot be opened: " + errno_text(errno));
  Sha256 hash;
  // A megabyte at a time, since files of weights may be larger than memory.
  std::vector<std::byte> block(std::size_t{1} << 20);
  while (true) {
    const ssize_t n = ::read(file.get(), block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw InputError(path.string() + ": cannot be read: " + errno_text(errno));
    if (n == 0) return to_hex(hash.finish());
    hash.update(std::span(block).first(static_cast<std::size_t>(n)));
  }
}

}  // namespace lensbench
