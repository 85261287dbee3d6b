#include "serve/address.hpp"

#include <openssl/crypto.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <lensbench/error.hpp>

#include "core/files/file_descriptor.hpp"

namespace lensbench::serve {
namespace {

constexpr std::array<std::string_view, 3> kLoopbackNames = {"127.0.0.1", "localhost", "[::1]"};

std::string lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

}  // namespace

std::string new_token() {
  std::array<unsigned char, 16> bytes{};
  if (getentropy(bytes.data(), bytes.size()) != 0)
    throw RunError("serve: the system gives no random bytes for the token (" + errno_text(errno) +
                   ")");
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string token;
  token.reserve(2 * bytes.size());
  for (const unsigned char byte : bytes) {
    token += kDigits[byte >> 4U];
    token += kDigits[byte & 15U];
  }
  return token;
}

std::string Gate::url() const {
  return "http://127.0.0.1:" + std::to_string(port_) + "/" + token_ + "/";
}

bool Gate::is_own_host(std::string_view host) const {
  const std::string given = lower(host);
  const std::string port = ":" + std::to_string(port_);
  return std::any_of(kLoopbackNames.begin(), kLoopbackNames.end(), [&](std::string_view name) {
    return given == std::string(name) + port || (port_ == 80 && given == name);
  });
}

std::optional<std::string> Gate::path(std::string_view host,
                                      const std::optional<std::string>& origin,
                                      std::string_view target) const {
  if (!is_own_host(host)) return std::nullopt;
  constexpr std::string_view kScheme = "http://";
  if (origin && (!origin->starts_with(kScheme) || !is_own_host(origin->substr(kScheme.size()))))
    return std::nullopt;
  target = target.substr(0, target.find('?'));
  if (target.size() < token_.size() + 2 || target.front() != '/' ||
      target[token_.size() + 1] != '/')
    return std::nullopt;
  // In constant time, so that the time of a refusal does not tell how many characters are right.
  if (CRYPTO_memcmp(target.data() + 1, token_.data(), token_.size()) != 0) return std::nullopt;
  return std::string(target.substr(token_.size() + 2));
}

}  // namespace lensbench::serve
