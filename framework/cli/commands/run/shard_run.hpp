#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/commands/run_arguments.hpp"
#include "session/run_session.hpp"

namespace lensbench::cli {

/// Checks what `--shard` needs, before a model is opened.
/// \throws UsageError without `--out`, with `--json`, or for more shards than cases
void check_shard_arguments(const RunArguments& arguments, std::int64_t cases);

/// Runs a shard and says on stderr what is to be done after it.
/// \param resume  command that goes on with the shard
/// \return the exit code
int run_shard(RunSession& session, const RunArguments& arguments,
              const std::vector<std::string>& argv, const std::string& resume);

}  // namespace lensbench::cli
