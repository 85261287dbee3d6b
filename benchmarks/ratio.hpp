#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <string>

#include "measure.hpp"

namespace lensbench::benchmarks {

/// Best times of several rounds, since other programs only add time.
struct Best {
  double wall_s = std::numeric_limits<double>::infinity(), cpu_s = wall_s;
  void time(const std::function<void()>& work) {
    const Clock start = Clock::now();
    work();
    const Clock spent = Clock::now() - start;
    wall_s = std::min(wall_s, spent.wall_s);
    cpu_s = std::min(cpu_s, spent.cpu_s);
  }
};

/// Counters of a ratio: NAME of elapsed times, NAME_cpu of processor times.
inline void count_ratio(benchmark::State& state, const std::string& name, const Best& a,
                        const Best& b) {
  state.counters[name] = a.wall_s / b.wall_s;
  state.counters[name + "_cpu"] = a.cpu_s / b.cpu_s;
}

}  // namespace lensbench::benchmarks
