#pragma once

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
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

namespace lensbench::dictionaries {

using ::testing::HasSubstr;
using testing::message_of;

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
