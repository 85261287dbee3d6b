#include "session/joint/mpi_link.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <lensbench/error.hpp>

#include "bench/run/case_parts.hpp"
#include "mpi/mpi.hpp"
#include "session/process/exit_guard.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMpiLibrary = "liblensbench_mpi.so";

/// The library next to the one that contains this function, or in `lib` next to its folder; empty
/// if it was not built.
fs::path find_mpi_library() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&find_mpi_library), &info) == 0) return {};
  std::error_code error;
  const fs::path folder = fs::weakly_canonical(info.dli_fname, error).parent_path();
  for (const fs::path& one : {folder, folder.parent_path() / "lib"})
    if (fs::exists(one / kMpiLibrary, error)) return one / kMpiLibrary;
  return {};
}

/// Functions of the library.
struct MpiFunctions {
  decltype(&lensbench_mpi_begin) begin;
  decltype(&lensbench_mpi_end) end;
  decltype(&lensbench_mpi_abort) abort;
  decltype(&lensbench_mpi_serve) serve;
  decltype(&lensbench_mpi_ask) ask;
  decltype(&lensbench_mpi_leave) leave;
  decltype(&lensbench_mpi_smallest) smallest;
  decltype(&lensbench_mpi_of_first) of_first;
};

template <class Function>
void take_function(void* library, const char* name, Function& function) {
  void* const found = dlsym(library, name);
  if (found == nullptr)
    throw RunError(std::string(kMpiLibrary) + ": does not have the function " + name +
                   "; install lensbench again");
  function = reinterpret_cast<Function>(found);
}

MpiFunctions load_mpi() {
  const fs::path file = find_mpi_library();
  // Components that MPI loads itself search its symbols among those of the process.
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr)
    throw RunError("the library for MPI cannot be loaded: " + std::string(dlerror()) +
                   "; load the MPI that lensbench was built with");
  MpiFunctions functions{};
  take_function(library, "lensbench_mpi_begin", functions.begin);
  take_function(library, "lensbench_mpi_end", functions.end);
  take_function(library, "lensbench_mpi_abort", functions.abort);
  take_function(library, "lensbench_mpi_serve", functions.serve);
  take_function(library, "lensbench_mpi_ask", functions.ask);
  take_function(library, "lensbench_mpi_leave", functions.leave);
  take_function(library, "lensbench_mpi_smallest", functions.smallest);
  take_function(library, "lensbench_mpi_of_first", functions.of_first);
  return functions;
}

std::int64_t give_next(void* sink, std::int64_t* numbers, std::int64_t most) {
  const auto cases = (*static_cast<const RankLink::Next*>(sink))();
  const std::int64_t count = std::min(most, std::ssize(cases));
  std::copy_n(cases.begin(), count, numbers);
  return count;
}

class MpiLink final : public RankLink {
 public:
  MpiLink() : mpi_(load_mpi()) {
    if (const char* problem = mpi_.begin(&rank_, &size_)) throw RunError(problem);
    if (size_ > 1) return;
    mpi_.end();
    throw RunError(
        "the launcher started several processes, but the MPI of lensbench sees one: start them "
        "with "
        "the mpirun of that MPI, or with srun --mpi=pmix");
  }
  ~MpiLink() override { mpi_.end(); }
  MpiLink(const MpiLink&) = delete;
  MpiLink& operator=(const MpiLink&) = delete;

  std::int64_t rank() const override { return rank_; }
  std::int64_t size() const override { return size_; }
  void serve(const Next& next) override {
    Next copy = next;
    mpi_.serve(give_next, &copy);
  }
  std::vector<std::int64_t> ask() override {
    std::vector<std::int64_t> cases(static_cast<std::size_t>(kMostBlockCases));
    cases.resize(static_cast<std::size_t>(mpi_.ask(cases.data(), std::ssize(cases))));
    return cases;
  }
  void leave() override { mpi_.leave(); }
  bool all(bool value) override { return mpi_.smallest(value ? 1 : 0) != 0; }
  bool of_first(bool value) override { return mpi_.of_first(value ? 1 : 0) != 0; }
  [[noreturn]] void abort(int exit_code) override {
    // MPI ends the process by `exit`, which is not the work of a plug-in here.
    const ExitGuard none(std::function<std::string()>{});
    mpi_.abort(exit_code);
    std::abort();  // not reached
  }

 private:
  MpiFunctions mpi_;
  std::int64_t rank_ = 0, size_ = 1;
};

}  // namespace

RankLink::~RankLink() = default;

void require_mpi_part(const std::string& launcher) {
  if (!find_mpi_library().empty()) return;
  throw UsageError(
      launcher + ": a launcher started several processes, and " + kMpiLibrary +
      ", with which they share one run, is missing; build lensbench where CMake finds MPI (Debian: "
      "libopenmpi-dev), give each process a part of the run with --shard I/N, or unset " +
      launcher + " if this is the only process");
}

std::unique_ptr<RankLink> join_ranks() {
  return std::make_unique<MpiLink>();
}

}  // namespace lensbench
