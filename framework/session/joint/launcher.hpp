#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace lensbench {

/// What a launcher of several processes (mpirun, srun) says to each of them.
struct Launch {
  std::int64_t processes = 1;  ///< 1: this process was started alone
  std::int64_t rank = 0;       ///< number of this process, from 0
  std::string launcher = {};   ///< variable that says so, for messages
};

/// Value of a variable of an environment by its name; empty if it is not set.
using FindVariable = std::function<std::optional<std::string>(const std::string& name)>;

/// Reads what Open MPI, MPICH and Slurm set in the processes that they start. A script of sbatch,
/// which has the variables of its job but was not started by srun, is one process.
Launch launch_of_process();
/// The same of a given environment.
Launch launch_by(const FindVariable& find);

}  // namespace lensbench
