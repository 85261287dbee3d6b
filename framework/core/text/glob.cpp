#include "core/text/glob.hpp"

#include <fnmatch.h>

#include <string>

// Globs by the C library, with the rules of a shell.

namespace lensbench {

bool glob_matches(std::string_view glob, std::string_view text) {
  // Names of hook points have dots and not slashes; a backslash in them is an ordinary character.
  return fnmatch(std::string(glob).c_str(), std::string(text).c_str(), FNM_NOESCAPE) == 0;
}

}  // namespace lensbench
