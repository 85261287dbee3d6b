#include <benchmark/benchmark.h>

#include <cstdlib>
#include <thread>

#include "model/runtime/threads.hpp"

// LENSBENCH_BENCHMARK_THREADS sets the number of threads; otherwise all processors.
int main(int argc, char** argv) {
  const char* given = std::getenv("LENSBENCH_BENCHMARK_THREADS");
  const int all = static_cast<int>(std::thread::hardware_concurrency());
  lensbench::set_threads(given != nullptr ? std::atoi(given) : all);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
