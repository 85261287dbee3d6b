#include "mpi/mpi.hpp"

#include <mpi.h>
#include <time.h>

#include <cstdint>

// Blocking calls of MPI wait in a loop that takes a whole processor, which another process of the
// machine may need to compute. So every wait that can be long asks whether a request has ended and
// sleeps in between.

namespace {

constexpr int kQuestion = 1, kAnswer = 2;

// What a rank says to rank 0.
constexpr int kNext = 1, kLeaves = 0;

constexpr long kMillisecond = 1'000'000;

void sleep_for(long nanoseconds) {
  const timespec pause{0, nanoseconds};
  nanosleep(&pause, nullptr);
}

/// Longer pauses for longer waits: up to 20 ms.
void wait_for(MPI_Request& request) {
  int ended = 0;
  for (long pause = kMillisecond / 10; true;
       pause = pause < 20 * kMillisecond ? pause * 2 : pause) {
    MPI_Test(&request, &ended, MPI_STATUS_IGNORE);
    if (ended != 0) return;
    sleep_for(pause);
  }
}

/// Room for the numbers of one block; larger ones are not formed (`kMostBlockCases`).
constexpr std::int64_t kMostNumbers = 4096;

}  // namespace

const char* lensbench_mpi_begin(std::int64_t* rank, std::int64_t* size) {
  int provided = 0;
  // The thread that answers the other ranks is not the one that computes.
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS)
    return "MPI cannot be started";
  if (provided < MPI_THREAD_SERIALIZED)
    return "this MPI does not allow calls from several threads (MPI_THREAD_SERIALIZED)";
  int number = 0, count = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &number);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  *rank = number;
  *size = count;
  return nullptr;
}

void lensbench_mpi_end(void) {
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Ibarrier(MPI_COMM_WORLD, &request);
  wait_for(request);
  MPI_Finalize();
}

void lensbench_mpi_abort(int exit_code) {
  MPI_Abort(MPI_COMM_WORLD, exit_code);
}

void lensbench_mpi_serve(LensbenchNextBlock next, void* sink) {
  int ranks = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  static std::int64_t numbers[kMostNumbers];
  for (int left = ranks - 1; left > 0;) {
    int arrived = 0;
    MPI_Status status;
    MPI_Iprobe(MPI_ANY_SOURCE, kQuestion, MPI_COMM_WORLD, &arrived, &status);
    if (arrived == 0) {
      sleep_for(kMillisecond);
      continue;
    }
    int question = kLeaves;
    const int rank = status.MPI_SOURCE;
    MPI_Recv(&question, 1, MPI_INT, rank, kQuestion, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (question == kLeaves) {
      --left;
      continue;
    }
    const std::int64_t count = next(sink, numbers, kMostNumbers);
    MPI_Send(numbers, static_cast<int>(count), MPI_INT64_T, rank, kAnswer, MPI_COMM_WORLD);
    if (count == 0) --left;
  }
}

std::int64_t lensbench_mpi_ask(std::int64_t* numbers, std::int64_t most) {
  MPI_Send(&kNext, 1, MPI_INT, 0, kQuestion, MPI_COMM_WORLD);
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Irecv(numbers, static_cast<int>(most), MPI_INT64_T, 0, kAnswer, MPI_COMM_WORLD, &request);
  int ended = 0, count = 0;
  MPI_Status status;
  // Rank 0 looks for questions every millisecond.
  for (MPI_Test(&request, &ended, &status); ended == 0; MPI_Test(&request, &ended, &status))
    sleep_for(kMillisecond / 20);
  MPI_Get_count(&status, MPI_INT64_T, &count);
  return count;
}

void lensbench_mpi_leave(void) {
  MPI_Send(&kLeaves, 1, MPI_INT, 0, kQuestion, MPI_COMM_WORLD);
}

int lensbench_mpi_smallest(int value) {
  int smallest = value;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Iallreduce(&value, &smallest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD, &request);
  wait_for(request);
  return smallest;
}

int lensbench_mpi_of_first(int value) {
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Ibcast(&value, 1, MPI_INT, 0, MPI_COMM_WORLD, &request);
  wait_for(request);
  return value;
}
