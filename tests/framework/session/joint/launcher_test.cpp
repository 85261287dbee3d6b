#include "session/joint/launcher.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

// What mpirun, srun and sbatch set in the environment of a process, by the manuals of Open MPI 4.1,
// MPICH 4 and Slurm 22.05.

namespace lensbench {
namespace {

Launch launch_in(const std::map<std::string, std::string>& variables) {
  return launch_by([&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(Launch, IsOfOneProcessWithoutALauncher) {
  EXPECT_EQ(launch_in({}).processes, 1);
  EXPECT_EQ(launch_in({{"OMPI_COMM_WORLD_SIZE", "1"}, {"OMPI_COMM_WORLD_RANK", "0"}}).processes, 1);
}

TEST(Launch, ByMpirunHasItsSizeAndRank) {
  const Launch open_mpi = launch_in({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "3"}});
  EXPECT_EQ(open_mpi.processes, 4);
  EXPECT_EQ(open_mpi.rank, 3);
  EXPECT_EQ(open_mpi.launcher, "OMPI_COMM_WORLD_SIZE");
  const Launch mpich = launch_in({{"PMI_SIZE", "2"}, {"PMI_RANK", "1"}});
  EXPECT_EQ(mpich.processes, 2);
  EXPECT_EQ(mpich.rank, 1);
}

TEST(Launch, BySrunHasItsTasks) {
  const Launch pmix = launch_in({{"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "5"}, {"PMIX_RANK", "5"}});
  EXPECT_EQ(pmix.processes, 8);
  EXPECT_EQ(pmix.rank, 5);
  // Without an MPI plug-in of Slurm there are as many processes.
  const Launch none =
      launch_in({{"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "2"}, {"SLURM_STEP_NUM_TASKS", "8"}});
  EXPECT_EQ(none.processes, 8);
  EXPECT_EQ(none.rank, 2);
}

// The script of a job has the variables of the job, but is one process.
TEST(Launch, OfTheScriptOfAJobIsOfOneProcess) {
  EXPECT_EQ(launch_in({{"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "0"}}).processes, 1);
}

TEST(Launch, OfOneTaskOfSrunWithinAJobOfSeveralIsOfOneProcess) {
  EXPECT_EQ(launch_in({{"SLURM_NTASKS", "1"}, {"SLURM_STEP_NUM_TASKS", "1"}, {"PMIX_RANK", "0"}})
                .processes,
            1);
}

// mpirun -n 1 in the script of a job of several tasks.
TEST(Launch, OfOneProcessOfMpirunWithinAJobOfSeveralIsOfOneProcess) {
  EXPECT_EQ(launch_in({{"OMPI_COMM_WORLD_SIZE", "1"},
                       {"OMPI_COMM_WORLD_RANK", "0"},
                       {"PMIX_RANK", "0"},
                       {"SLURM_NTASKS", "8"},
                       {"SLURM_PROCID", "0"}})
                .processes,
            1);
}

TEST(Launch, OfATextThatIsNotANumberIsOfOneProcess) {
  EXPECT_EQ(launch_in({{"OMPI_COMM_WORLD_SIZE", "many"}}).processes, 1);
}

}  // namespace
}  // namespace lensbench
