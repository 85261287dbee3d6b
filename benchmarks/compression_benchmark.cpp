#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <benchmark/benchmark.h>
#include <hdf5.h>

#include <algorithm>
#include <cstdlib>
#include <lensbench/activation_cache.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

#include "logit_lens/logit_lens.hpp"
#include "measure.hpp"
#include "support/contexts.hpp"
#include "support/folders.hpp"

// What deflate saves and costs on what archives hold: the lens' results and full-width activations
// of the embedded model, which was trained (random weights would compress otherwise). By turns, in
// memory, in chunks as archives have them; always with a checksum. How the writer's choice was
// made: docs/archive.md.

namespace lensbench::benchmarks {
namespace {

struct Stored {
  double seconds = 0, bytes = 0;
};

hid_t memory_type(const at::Tensor& values) {
  switch (values.scalar_type()) {
    case at::kFloat:
      return H5T_NATIVE_FLOAT;
    case at::kDouble:
      return H5T_NATIVE_DOUBLE;
    case at::kLong:
      return H5T_NATIVE_INT64;
    case at::kInt:
      return H5T_NATIVE_INT32;
    default:
      return H5T_NATIVE_INT8;
  }
}

/// Writes one array and says how much the file took for it.
Stored store(hid_t file, const std::string& name, const at::Tensor& values, bool deflate) {
  std::vector<hsize_t> shape(values.sizes().begin(), values.sizes().end()), chunk = shape;
  const auto element = static_cast<hsize_t>(values.element_size());
  hsize_t left = (hsize_t{1} << 20) / element;
  for (std::size_t axis = chunk.size(); axis-- > 0; left = std::max<hsize_t>(1, left / chunk[axis]))
    chunk[axis] = std::min(chunk[axis], left);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  const int axes = static_cast<int>(shape.size());
  H5Pset_chunk(properties, axes, chunk.data());
  if (deflate) {
    H5Pset_shuffle(properties);
    H5Pset_deflate(properties, 1);
  }
  H5Pset_fletcher32(properties);
  const hid_t space = H5Screate_simple(axes, shape.data(), nullptr);
  const Clock start = Clock::now();
  const hid_t dataset = H5Dcreate2(file, name.c_str(), memory_type(values), space, H5P_DEFAULT,
                                   properties, H5P_DEFAULT);
  if (H5Dwrite(dataset, memory_type(values), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data_ptr()) <
          0 ||
      H5Fflush(file, H5F_SCOPE_LOCAL) < 0)
    std::abort();
  const Stored stored = {(Clock::now() - start).cpu_s,
                         static_cast<double>(H5Dget_storage_size(dataset))};
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(properties);
  return stored;
}

Stored store_all(const std::vector<at::Tensor>& arrays, bool deflate) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, 1 << 20, 0);
  const hid_t file = H5Fcreate("memory", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  Stored sum;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const Stored one = store(file, std::to_string(i), arrays[i], deflate);
    sum.seconds += one.seconds;
    sum.bytes += one.bytes;
  }
  H5Fclose(file);
  H5Pclose(access);
  return sum;
}

void compare(benchmark::State& state, const std::vector<at::Tensor>& arrays) {
  double bytes = 0;
  for (const auto& array : arrays) bytes += static_cast<double>(array.nbytes());
  Stored plain{1e9, 0}, deflated{1e9, 0};
  for (auto _ : state) {
    const Stored a = store_all(arrays, false), b = store_all(arrays, true);
    if (a.seconds < plain.seconds) plain = a;
    if (b.seconds < deflated.seconds) deflated = b;
  }
  state.counters["MB"] = bytes / 1e6;
  state.counters["plain_MB_per_cpu_s"] = bytes / 1e6 / plain.seconds;
  state.counters["deflate_MB_per_cpu_s"] = bytes / 1e6 / deflated.seconds;
  state.counters["deflate_ratio"] = plain.bytes / deflated.bytes;
}

struct Embedded {
  std::shared_ptr<const Model> model = Model::open(testing::source_folder() + "/models/kjv-gpt2");
  Tokens tokens = to_tokens(*model, [] {
    std::string text;
    for (int i = 0; i < 16; ++i)
      text += "And God said, Let there be light: and the " + std::to_string(i) + " waters. ";
    return text;
  }());
};

void compression_of_lens_results(benchmark::State& state) {
  const Embedded embedded;
  Context context = lensbench::testing::context_of(embedded.model);
  lens::LogitLensTool tool;
  tool.attach(context);
  std::vector<at::Tensor> arrays;
  const Dataset result = tool.analyze(embedded.tokens, {});
  for (const Variable& variable : result.variables())
    if (!variable.is_text() && variable.tensor.dim() > 0)
      arrays.push_back(variable.tensor.contiguous());
  compare(state, arrays);
}
BENCHMARK(compression_of_lens_results)->Iterations(5)->Unit(benchmark::kMillisecond);

/// Every hook point of all layers, as float32 and as what bfloat16 leaves of it.
void compression_of_activations(benchmark::State& state) {
  const Embedded embedded;
  std::vector<at::Tensor> arrays;
  for (const auto& [name, activation] :
       run_with_cache(*embedded.model, make_batch(embedded.tokens), {"*"}).cache.items()) {
    if (!at::isFloatingType(activation.scalar_type())) continue;
    const bool narrow = state.range(0) != 0;
    arrays.push_back(
        (narrow ? activation.to(at::kBFloat16).to(at::kFloat) : activation).contiguous());
  }
  compare(state, arrays);
}
BENCHMARK(compression_of_activations)
    ->ArgName("bfloat16")
    ->Arg(0)
    ->Arg(1)
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lensbench::benchmarks
