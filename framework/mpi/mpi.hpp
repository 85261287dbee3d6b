#pragma once

#include <cstdint>

// Interface of liblensbench_mpi.so, the only part of lensbench that knows MPI. It is a library of
// its own, loaded only in a process that a launcher of several processes started (mpirun, srun), so
// that lensbench runs without MPI. The interface is plain C, so that it can be built with the MPI
// of a cluster without libtorch and its settings.
//
// All functions but `lensbench_mpi_serve` are for the thread that called `lensbench_mpi_begin`, and
// none of them runs while another does, but for `serve`, during which rank 0 calls no other. A
// fault of MPI ends all processes, as is usual with MPI.

#define LENSBENCH_MPI_API extern "C" __attribute__((visibility("default")))

/// Joins the processes that were started together.
/// \param rank  receives the number of this process, from 0
/// \param size  receives the number of processes
/// \return nullptr, or what is wrong
LENSBENCH_MPI_API const char* lensbench_mpi_begin(std::int64_t* rank, std::int64_t* size);

/// Waits for all processes and leaves them. Waiting takes no processor time.
LENSBENCH_MPI_API void lensbench_mpi_end(void);

/// Ends all processes at once. It does not return.
LENSBENCH_MPI_API void lensbench_mpi_abort(int exit_code);

/// Gives the next numbers of cases. \param sink  pointer of the caller of `lensbench_mpi_serve`
/// \param numbers  receives them \param most  room for so many
/// \return how many there are; 0: there are no more
using LensbenchNextBlock = std::int64_t (*)(void* sink, std::int64_t* numbers, std::int64_t most);

/// In rank 0: answers the questions of the other ranks, until each of them has got an empty block
/// or has said that it will not ask again. Waiting takes little processor time, so that another
/// thread of the process can compute.
LENSBENCH_MPI_API void lensbench_mpi_serve(LensbenchNextBlock next, void* sink);

/// In other ranks: asks rank 0 for the next block.
/// \param numbers  receives the cases \param most  room for so many
/// \return how many there are; 0: there are no more
LENSBENCH_MPI_API std::int64_t lensbench_mpi_ask(std::int64_t* numbers, std::int64_t most);

/// In other ranks: says that this one will not ask again.
LENSBENCH_MPI_API void lensbench_mpi_leave(void);

/// Waits until all ranks have called it. \return the smallest value that one of them gave
LENSBENCH_MPI_API int lensbench_mpi_smallest(int value);

/// \return the value that rank 0 gave
LENSBENCH_MPI_API int lensbench_mpi_of_first(int value);
