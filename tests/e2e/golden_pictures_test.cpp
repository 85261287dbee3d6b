// Prompts with pictures through the command against values of a float64 program, which are in a
// folder shared with other projects: LENSBENCH_SHARED, or `shared` next to the checkout. Skipped
// where it is not. float32 differs by the order of sums: 5e-5 of the largest value.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <hdf5.h>
#include <hdf5_hl.h>

#include <cstdlib>

#include "archive/archive_reader.hpp"
#include "support/command.hpp"
#include "support/folders.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

/// A dataset of a file of expected values.
at::Tensor golden(const fs::path& file, const std::string& name, hid_t type, at::ScalarType as) {
  const hid_t opened = H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  int rank = 0;
  H5LTget_dataset_ndims(opened, name.c_str(), &rank);
  std::vector<hsize_t> lengths(static_cast<std::size_t>(rank));
  H5LTget_dataset_info(opened, name.c_str(), lengths.data(), nullptr, nullptr);
  at::Tensor values =
      at::empty(std::vector<std::int64_t>(lengths.begin(), lengths.end()), at::dtype(as));
  EXPECT_GE(H5LTread_dataset(opened, name.c_str(), type, values.data_ptr()), 0) << name;
  H5Fclose(opened);
  return values;
}

TEST(GoldenPictures, HaveTheIdsLogitsAndRectanglesOfTheReference) {
  const char* given = std::getenv("LENSBENCH_SHARED");
  const fs::path folder =
      fs::path(given != nullptr ? given : testing::source_folder() + "/../shared") / "golden" /
      "vision";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not here";
  const json index = json::parse(testing::slurp(folder / "index.json"));
  for (const auto& [model, facts] : index["models"].items())
    for (const auto& [name, one] : facts["cases"].items()) {
      SCOPED_TRACE(model + " " + name);
      const TempDir out;
      const std::string archive = out / "a.h5";
      std::vector<std::string> words = {"tool",
                                        "activations",
                                        "--quiet",
                                        "--model",
                                        (folder / model).string(),
                                        "--set",
                                        "hooks=unembed.hook_out",
                                        "--raw-prompt",
                                        one["text"].get<std::string>()};
      for (const auto& image : one["images"])
        words.insert(words.end(),
                     {"--image", (folder / "images" / image.get<std::string>()).string()});
      const Outcome outcome = run_into(archive, words);
      ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
      const ArchiveReader reader(archive);
      const fs::path values = folder / (model + ".h5");
      EXPECT_TRUE(at::equal(at::tensor(reader.cases().at(0).ids, at::kLong),
                            golden(values, name + "/input_ids", H5T_NATIVE_INT64, at::kLong)));
      const at::Tensor logits =
          golden(values, name + "/final_logits_f32", H5T_NATIVE_FLOAT, at::kFloat);
      const Dataset found = reader.read("activations");
      EXPECT_LE(testing::largest_difference(found["unembed.hook_out"].tensor, logits),
                5e-5 * std::max(1.0, testing::largest(logits)));
      if (one["images"].empty()) continue;
      const Dataset tokens = reader.read("picture_tokens");
      const at::Tensor rectangles = at::stack(
          {tokens["x0"].tensor, tokens["y0"].tensor, tokens["x1"].tensor, tokens["y1"].tensor}, 1);
      // Pixels of pictures of at most 260: rounding of float64 alone.
      EXPECT_LE(testing::largest_difference(rectangles, golden(values, name + "/rectangles_upright",
                                                               H5T_NATIVE_DOUBLE, at::kDouble)),
                1e-12);
    }
}

}  // namespace
}  // namespace lensbench
