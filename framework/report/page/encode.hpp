#pragma once

#include <string>
#include <string_view>

namespace lensbench::page {

/// Raw deflate (RFC 1951). The same bytes give the same result with one version of zlib.
std::string deflated(std::string_view bytes);

/// `sha256-BASE64` of a script, by which a Content-Security-Policy allows it.
std::string policy_hash(std::string_view script);

}  // namespace lensbench::page
