#pragma once

#include <boost/beast/http/status.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/files/file_descriptor.hpp"

namespace lensbench::serve {

/// Answer to a request, before it is written as HTTP.
struct Reply {
  boost::beast::http::status status = boost::beast::http::status::ok;
  std::string type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
  FileDescriptor file = {};  ///< sent in place of the body, if it is open
};

/// A problem as `{"error": SENTENCE}`.
Reply problem(boost::beast::http::status status, const std::string& sentence);

}  // namespace lensbench::serve
