#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/tensor_file.hpp>

#include "checkpoint/weights/safetensors.hpp"
#include "support/archives.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TempDir;

class TensorFiles : public ::testing::Test {
 protected:
  TensorFiles() {
    write_safetensors(weights(),
                      {{"bias", at::tensor({0.5F, -1.0F})},
                       {"matrix", at::arange(6, at::kDouble).reshape({2, 3})}},
                      {{"made_by", "hand"}});
    // Cases of 1, 2 and 3 tokens, whose `entropy` is 1.5, 2.5, 3.5 by position.
    testing::write_small_archive(archive(), 3);
  }

  std::string weights() const { return folder_ / "lens.safetensors"; }
  std::string archive() const { return folder_ / "a.h5"; }
  TempDir folder_;
};

TEST_F(TensorFiles, OfSafetensorsGiveValuesInTheStoredTypeAndMetadata) {
  const TensorFile file(weights());
  EXPECT_THAT(file.names(), ElementsAre("bias", "matrix"));
  EXPECT_THAT(file.shape("matrix"), ElementsAre(2, 3));
  EXPECT_TRUE(at::equal(file.read("matrix"), at::arange(6, at::kDouble).reshape({2, 3})));
  EXPECT_TRUE(at::equal(file.read("bias", {2}), at::tensor({0.5F, -1.0F})));
  EXPECT_EQ(file.metadata().at("made_by"), "hand");
}

TEST_F(TensorFiles, OfSafetensorsGiveCopiesThatMayBeChanged) {
  const TensorFile file(weights());
  file.read("bias").zero_();
  EXPECT_TRUE(at::equal(file.read("bias"), at::tensor({0.5F, -1.0F})));
}

TEST_F(TensorFiles, OfAnArchiveGiveTheVariablesOfTheResult) {
  const TensorFile file(archive() + ":results/lens");
  EXPECT_TRUE(file.contains("entropy"));
  EXPECT_TRUE(
      at::equal(file.read("entropy", {6}), at::tensor({1.5F, 1.5F, 2.5F, 1.5F, 2.5F, 3.5F})));
  EXPECT_TRUE(at::equal(file.read("case").to(at::kLong), at::tensor({0, 1, 1, 2, 2, 2})));
  EXPECT_THAT(file.texts("input_token"), ElementsAre("In", "In", "In", "In", "In", "In"));
}

TEST_F(TensorFiles, OfTheResultOfOneCaseLackTheAxisOfCases) {
  const std::string learned = folder_ / "learned.h5";
  RunPlan plan;
  plan.title = plan.experiment = "learn";
  plan.experiment_version = "1.0.0";
  plan.request = {{"seed", 1}};
  plan.cases.push_back({"case1", "text", 1, std::string(64, 'c'), {17}});
  auto writer = RunWriter::start(learned, plan, false);
  Dataset dataset;
  dataset.add("mean", {"block", "d_model"}, at::arange(6, at::kFloat).reshape({2, 3}), "1", "mean");
  writer.commit(0, {{"learned", dataset}}, {});
  writer.seal({}, {}, {}, {{"threads", 1}}, {{"host", "here"}});

  const TensorFile file(learned + ":results/learned");
  EXPECT_THAT(file.shape("mean"), ElementsAre(2, 3));
  EXPECT_TRUE(at::equal(file.read("mean", {2, 3}), at::arange(6, at::kFloat).reshape({2, 3})));
}

TEST_F(TensorFiles, OfOneVariableHaveThatOneOnly) {
  const TensorFile file(archive() + ":results/lens/entropy");
  EXPECT_THAT(file.names(), ElementsAre("entropy"));
  EXPECT_EQ(file.read("entropy").numel(), 6);
}

TEST_F(TensorFiles, NameWhatThereIsWhenATensorIsMissing) {
  EXPECT_THAT(
      message_of<InputError>([&] { TensorFile(weights()).read("weight"); }),
      AllOf(HasSubstr("lens.safetensors: tensor 'weight' is missing"), HasSubstr("bias, matrix")));
  EXPECT_THAT(message_of<InputError>([&] { TensorFile(archive() + ":results/nothing"); }),
              AllOf(HasSubstr("nothing"), HasSubstr("lens")));
  EXPECT_THAT(message_of<InputError>([&] { TensorFile(archive() + ":results/lens/nothing"); }),
              AllOf(HasSubstr("nothing"), HasSubstr("entropy")));
}

TEST_F(TensorFiles, RefuseAnotherShapeWithBoth) {
  const TensorFile file(weights());
  EXPECT_EQ(file.read("matrix", {-1, 3}).numel(), 6);
  EXPECT_THAT(message_of<InputError>([&] {
                file.read("matrix", {-1, 4});
              }),
              HasSubstr("tensor 'matrix': the shape is [2, 3], expected [any, 4]; give a file"));
  EXPECT_THAT(message_of<InputError>([&] { file.read("matrix", {6}); }), HasSubstr("expected [6]"));
}

TEST_F(TensorFiles, RefuseNumbersThatAreNone) {
  write_safetensors(weights(), {{"bias", at::tensor({0.5F, std::nanf("")})}});
  EXPECT_THAT(message_of<InputError>([&] { TensorFile(weights()).read("bias"); }),
              HasSubstr("contains NaN or infinity, expected finite numbers; write the file again"));
}

TEST_F(TensorFiles, RefuseANamedPipeWithoutWaitingForIt) {
  const std::string pipe = folder_ / "pipe.safetensors";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  ::alarm(60);  // ends the program instead of a wait for ever
  EXPECT_THAT(message_of<InputError>([&] { TensorFile{pipe}; }), HasSubstr("regular file"));
  ::alarm(0);
}

TEST_F(TensorFiles, RefusePickledFilesByTheirFirstBytesWhateverTheirName) {
  const std::string pickle = folder_.write("lens.safetensors", "\x80\x02}q\x01.");
  const std::string zip = folder_.write("params.pt", "PK\x03\x04rest");
  for (const auto& file : {pickle, zip})
    EXPECT_THAT(message_of<InputError>([&] { TensorFile{file}; }),
                AllOf(HasSubstr(file), HasSubstr("loading it can run code"),
                      HasSubstr("safetensors.torch")));
}

// The length of a header, the first eight bytes of a file, may start as a pickle does: 128 and 384
// are 0x80 0x00 and 0x80 0x01.
TEST_F(TensorFiles, OfSafetensorsOpenWhateverTheLengthOfTheirHeader) {
  int like_pickles = 0;
  for (std::size_t length = 1; length < 400; length += 8) {
    const std::string name(length, 'a');
    write_safetensors(weights(), {{name, at::ones({2})}});
    std::ifstream file(weights(), std::ios::binary);
    like_pickles += file.get() == 0x80 ? 1 : 0;
    EXPECT_EQ(TensorFile(weights()).read(name).numel(), 2) << length;
  }
  EXPECT_GT(like_pickles, 1);
}

TEST_F(TensorFiles, RefuseAnArchiveWithoutAResult) {
  EXPECT_THAT(message_of<InputError>([&] { TensorFile{archive()}; }),
              HasSubstr("name the result that is meant: " + archive() + ":results/NAME"));
}

TEST_F(TensorFiles, RefuseMissingAndOtherFiles) {
  EXPECT_THAT(message_of<InputError>([&] { TensorFile{folder_ / "none"}; }),
              HasSubstr("file not found"));
  EXPECT_THAT(message_of<InputError>([&] { TensorFile{folder_ / "none.h5:results/a"}; }),
              HasSubstr("none.h5"));
  EXPECT_THROW(TensorFile{folder_.write("text", "a,b\n1,2\n")}, InputError);
}

TEST_F(TensorFiles, NeverGiveOtherValuesForAnArchiveOfWhichOneBitIsFlipped) {
  const at::Tensor entropy = TensorFile(archive() + ":results/lens").read("entropy");
  std::fstream file(archive(), std::ios::in | std::ios::out | std::ios::binary);
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(archive()));
  int refused = 0;
  for (std::streamoff at = 0; at < size; at += size / 64) {
    file.seekg(at);
    const int byte = file.get();
    const auto put = [&](int value) {
      file.seekp(at);
      file.put(static_cast<char>(value));
      file.flush();
    };
    put(byte ^ 1);
    try {  // a byte that the file does not use may change
      EXPECT_TRUE(at::equal(TensorFile(archive() + ":results/lens").read("entropy"), entropy));
    } catch (const InputError&) {
      ++refused;
    }
    put(byte);
  }
  EXPECT_GT(refused, 5);
}

}  // namespace
}  // namespace lensbench
