#pragma once

#include <memory>

#include "session/joint/rank_link.hpp"

namespace lensbench {

/// Loads the library of MPI and joins the processes that were started together; the destructor
/// waits for them. Once in a process. \throws UsageError if lensbench was built without that
/// library; RunError if it cannot be loaded,
///   or MPI does not know of several processes
std::unique_ptr<RankLink> join_ranks();

/// \throws UsageError if lensbench was built without the library of MPI \param launcher  variable
/// that says that there are several processes
void require_mpi_part(const std::string& launcher);

}  // namespace lensbench
