#include "core/version.hpp"

namespace lensbench {

BuildInfo build_info() {
  return {LENSBENCH_VERSION, LENSBENCH_GIT_COMMIT, LENSBENCH_COMPILER, LENSBENCH_BUILD_TYPE};
}

}  // namespace lensbench
