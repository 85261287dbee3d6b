#include "core/text/glob.hpp"

#include <fnmatch.h>

#include <string>

namespace lensbench {

bool glob_matches(std::string_view glob, std::string_view text) {
  return fnmatch(std::string(glob).c_str(), std::string(text).c_str(), FNM_NOESCAPE) == 0;
}

}  // namespace lensbench
