#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <lensbench/tensor_file.hpp>
#include <memory>
#include <string>
#include <vector>

#include "support/bench.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/recorded_options.hpp"
#include "support/results.hpp"
#include "support/sample_models.hpp"
#include "support/stopped_run.hpp"
#include "support/temp_dir.hpp"
#include "support/tensors.hpp"
#include "tuned_lens/tuned_lens.hpp"

namespace lensbench::tuned {

using ::testing::HasSubstr;
using testing::largest_difference;
using testing::message_of;
using testing::receipt_of;
using testing::sample;
using testing::StoppedRun;

/// The tool on a model, with its declared parameters.
struct LensBench : testing::ToolBench<TunedLensTool> {
  LensBench(const std::shared_ptr<const Model>& given, const std::vector<std::int64_t>& ids)
      : ToolBench(given, ids) {
    tool.attach(context, testing::declared(TunedLensTool::kParameters), "tool 'tuned_lens'");
  }
};

/// Folder of a lens that the Python library trained for a sample.
inline std::string published(const std::string& name) {
  return testing::data_folder() + "/tuned_lens/" + name;
}

inline TensorFile expected(const std::string& name) {
  return TensorFile(published(name) + "/expected.safetensors");
}

inline std::vector<std::int64_t> ids_of(const at::Tensor& ids) {
  const at::Tensor flat = ids.contiguous();
  return {flat.data_ptr<std::int64_t>(), flat.data_ptr<std::int64_t>() + flat.numel()};
}

/// Documents of ids, one a line, each a run of the sequence that the reference uses.
inline std::string documents(std::int64_t count, std::int64_t length, std::int64_t vocab) {
  std::string lines;
  std::uint64_t state = 1;
  for (std::int64_t document = 0; document < count; ++document) {
    lines += "{\"ids\": [";
    for (std::int64_t i = 0; i < length; ++i) {
      state = (1103515245 * state + 12345) % (std::uint64_t{1} << 31);
      lines +=
          (i == 0 ? "" : ",") + std::to_string((state >> 8) % static_cast<std::uint64_t>(vocab));
    }
    lines += "]}\n";
  }
  return lines;
}

/// A training that takes little time.
inline TunedLensTraining small_training(const std::string& text) {
  TunedLensTraining training;
  training.text = text;
  training.window = 12;
  training.steps = 6;
  training.tokens_per_step = 20;
  training.held_out = 0.2;
  return training;
}

}  // namespace lensbench::tuned
