#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <lensbench/error.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/weights/safetensors.hpp"
#include "sparse_autoencoder/sparse_autoencoder.hpp"
#include "support/bench.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/recorded_options.hpp"
#include "support/results.hpp"
#include "support/temp_dir.hpp"
#include "support/tensors.hpp"

namespace lensbench::dictionaries {

using ::testing::HasSubstr;
using testing::largest_difference;
using testing::message_of;

/// Activations [row, feature].
inline at::Tensor dense(const ActiveFeatures& active, std::int64_t features) {
  at::Tensor found = at::zeros({active.rows(), features});
  for (std::int64_t row = 0; row < active.rows(); ++row)
    for (auto e = active.offsets[row].item<std::int64_t>();
         e < active.offsets[row + 1].item<std::int64_t>(); ++e)
      found[row][active.ids[e].item<std::int64_t>()] = active.values[e];
  return found;
}

/// What a dictionary rebuilds of rows [row, d_in].
inline at::Tensor output(const Dictionary& dictionary, const at::Tensor& rows) {
  const NormalisedRows normal = normalised(dictionary, rows);
  return output_of(dictionary, normal,
                   parts_of_features(dictionary, normal, encode(dictionary, normal)), rows);
}

inline std::string reference_folder(const std::string& kind = "") {
  return testing::data_folder() + "/sparse_autoencoder/" + kind;
}

/// The tool on a model, with its declared parameters.
struct SaeBench : testing::ToolBench<SparseAutoencoderTool> {
  explicit SaeBench(const std::vector<std::int64_t>& ids = {3, 17, 5, 9, 11, 17, 5, 9})
      : ToolBench(Model::open(testing::data_folder() + "/models/gpt2"), ids) {
    tool.attach(context, testing::declared(SparseAutoencoderTool::kParameters),
                "tool 'sparse_autoencoder'");
  }
};

/// A dictionary of two features of rows of two, whose matrices are the identity and biases 0.
inline Dictionary identity(Activation activation) {
  Dictionary dictionary;
  dictionary.settings.activation = activation;
  dictionary.settings.d_in = dictionary.settings.d_out = dictionary.settings.features = 2;
  dictionary.encoder = dictionary.decoder = at::eye(2);
  dictionary.encoder_bias = dictionary.decoder_bias = dictionary.threshold = dictionary.magnitude =
      dictionary.magnitude_bias = at::zeros({2});
  dictionary.decoder_norm = at::ones({2});
  return dictionary;
}

}  // namespace lensbench::dictionaries
