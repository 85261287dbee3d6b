#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lensbench::serve {

/// A token that nobody can guess: 128 random bits as hexadecimal digits. \throws RunError
std::string new_token();

/// Decides which requests are for this server and come from its own page. Programs of other users
/// and pages of other sites can reach a port of the loopback address, too.
class Gate {
 public:
  Gate(std::string token, std::uint16_t port) : token_(std::move(token)), port_(port) {}

  /// Address of the page.
  std::string url() const;

  /// Path of an admitted request below the address of the page: empty for the page itself, `run`.
  /// \param host    header Host
  /// \param origin  header Origin; empty if the request does not have it
  /// \param target  target in the request line
  /// \return empty if the host or the origin is another one, or if the token is missing
  std::optional<std::string> path(std::string_view host, const std::optional<std::string>& origin,
                                  std::string_view target) const;

 private:
  bool is_own_host(std::string_view host) const;

  std::string token_;
  std::uint16_t port_;
};

}  // namespace lensbench::serve
