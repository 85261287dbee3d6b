#include "session/joint/launcher.hpp"

#include <array>
#include <charconv>
#include <cstdlib>

namespace lensbench {
namespace {

/// Variables with the number of processes and the number of this one. The third is one that has to
/// be set too: Slurm sets the others also where nothing was started by srun. The first launcher
/// that has set its variables decides, since mpirun starts processes within a job of Slurm.
struct LaunchVariables {
  const char *processes, *rank, *also;
};

constexpr std::array kLaunchers = {
    LaunchVariables{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", nullptr},  // Open MPI
    LaunchVariables{"PMI_SIZE", "PMI_RANK", nullptr},           // MPICH, srun with PMI 1 or 2
    LaunchVariables{"SLURM_NTASKS", "PMIX_RANK", "PMIX_RANK"},  // srun with PMIx
    LaunchVariables{"SLURM_NTASKS", "PMI_RANK", "PMI_RANK"},
    LaunchVariables{"SLURM_STEP_NUM_TASKS", "SLURM_PROCID",
                    "SLURM_STEP_NUM_TASKS"},  // srun without
};

std::int64_t number_in(const std::optional<std::string>& text, std::int64_t otherwise) {
  std::int64_t value = otherwise;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

}  // namespace

Launch launch_of_process() {
  return launch_by([](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

Launch launch_by(const FindVariable& find) {
  for (const LaunchVariables& names : kLaunchers) {
    if (names.also != nullptr && !find(names.also)) continue;
    const auto said = find(names.processes);
    if (!said) continue;
    const std::int64_t processes = number_in(said, 1);
    if (processes <= 1) return {};
    return {processes, number_in(find(names.rank), 0), names.processes};
  }
  return {};
}

}  // namespace lensbench
