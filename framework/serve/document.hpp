#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lensbench::serve {

/// The live page and the policy that is sent with it.
struct Document {
  std::string html, policy;
};

/// Makes the page. \param description  facts for it, see `Engine::description`
Document document(const nlohmann::json& description);

}  // namespace lensbench::serve
