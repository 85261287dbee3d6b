#include "checkpoint/weights/safetensors.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <lensbench/error.hpp>

#include "framework/checkpoint/weights/safetensors_bytes.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::safetensors_bytes;
using testing::TempDir;

const std::string kOneFloat = R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";

// Written by the Python package safetensors: each tensor [2, 3] is named after its dtype.
SafetensorsFile reference_file() {
  return SafetensorsFile(testing::data_folder() + "/checkpoint/all_dtypes.safetensors");
}

TEST(SafetensorsFile, ReadsEveryTypeAsTheReferenceImplementationWroteIt) {
  const auto file = reference_file();
  const auto floats = at::tensor({0.5, -1.5, 2.0, 3.0, -4.0, 100.0}, at::kDouble).view({2, 3});
  const auto integers = at::tensor({0, -1, 2, 3, -4, 100}, at::kInt).view({2, 3});
  for (const char* type : {"F64", "F32", "F16", "BF16"})
    EXPECT_TRUE(at::equal(file.tensor(type).to(at::kDouble), floats)) << type;
  for (const char* type : {"I64", "I32", "I16", "I8"})
    EXPECT_TRUE(at::equal(file.tensor(type).to(at::kInt), integers)) << type;
  EXPECT_TRUE(at::equal(file.tensor("U8").to(at::kInt),
                        at::tensor({0, 1, 2, 3, 4, 200}, at::kInt).view({2, 3})));
  EXPECT_TRUE(at::equal(file.tensor("BOOL").to(at::kInt),
                        at::tensor({0, 1, 1, 1, 0, 1}, at::kInt).view({2, 3})));
}

TEST(SafetensorsFile, RefusesToReadATensorOfATypeWithoutMeaningHere) {
  const TempDir folder;
  const std::string path = folder / "a.safetensors";
  std::ofstream(path, std::ios::binary)
      << safetensors_bytes(R"({"w":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}})", 2);
  EXPECT_THAT(message_of<InputError>([&] { SafetensorsFile(path).tensor("w"); }),
              HasSubstr("its element type F8_E4M3 is not supported; convert"));
}

TEST(SafetensorsFile, KeepsTheStoredType) {
  const auto file = reference_file();
  EXPECT_EQ(file.tensor("BF16").scalar_type(), at::kBFloat16);
  EXPECT_EQ(file.tensor("F16").scalar_type(), at::kHalf);
}

TEST(SafetensorsFile, ReadsScalarsAndEmptyTensors) {
  const auto file = reference_file();
  EXPECT_EQ(file.tensor("scalar").dim(), 0);
  EXPECT_EQ(file.tensor("scalar").item<float>(), 7.0F);
  EXPECT_EQ(file.tensor("empty").sizes(), (at::IntArrayRef{0, 4}));
}

TEST(SafetensorsFile, GivesViewsOfTheMappingNotCopies) {
  const auto file = reference_file();
  EXPECT_EQ(file.tensor("F32").data_ptr(), file.tensor("F32").data_ptr());
}

TEST(SafetensorsFile, TensorOutlivesTheFileObject) {
  at::Tensor tensor;
  {
    const auto file = reference_file();
    tensor = file.tensor("F64");
  }
  EXPECT_EQ(tensor[1][2].item<double>(), 100.0);
}

TEST(SafetensorsFile, CopiesATensorThatIsNotAligned) {
  TempDir dir;
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("w":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})";
  auto bytes = safetensors_bytes(header, 1) + std::string("\x00\x00\x80\x3f", 4);  // 1.0f
  const SafetensorsFile file(dir.write("m.safetensors", bytes));
  EXPECT_EQ(file.tensor("w").item<float>(), 1.0F);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.tensor("w").data_ptr()) % 4, 0U);
}

TEST(SafetensorsFile, NamesATensorThatIsNotThere) {
  EXPECT_THAT(message_of<InputError>([] { reference_file().tensor("absent"); }),
              HasSubstr("all_dtypes.safetensors: tensor 'absent' is missing"));
}

TEST(SafetensorsFile, RefusesWhatIsNotARegularFile) {
  TempDir dir;
  const auto fifo = dir.path() / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const auto& path : {dir.path(), fifo, std::filesystem::path("/dev/zero")})
    EXPECT_THAT(message_of<InputError>([&] { SafetensorsFile{path}; }),
                HasSubstr("is not a regular file"));
}

TEST(SafetensorsFile, RefusesAMissingFile) {
  EXPECT_THAT(message_of<InputError>([] { SafetensorsFile("absent/m.safetensors"); }),
              HasSubstr("absent/m.safetensors: cannot be opened: No such file"));
}

TEST(SafetensorsFile, NoticesThatTheFileWasTruncatedAfterItWasOpened) {
  TempDir dir;
  const auto path = dir.write("m.safetensors", safetensors_bytes(kOneFloat, 4));
  const SafetensorsFile file(path);
  std::filesystem::resize_file(path, 10);
  EXPECT_THAT(message_of<InputError>([&] { file.tensor("w"); }),
              HasSubstr("changed while it was in use (10 bytes now"));
}

TEST(SafetensorsFile, NoticesThatTheFileWasRewrittenAfterItWasOpened) {
  TempDir dir;
  const auto path = dir.write("m.safetensors", safetensors_bytes(kOneFloat, 4));
  const SafetensorsFile file(path);
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now() + std::chrono::seconds(10));
  EXPECT_THAT(message_of<InputError>([&] { file.tensor("w"); }), HasSubstr("was rewritten"));
}

TEST(SafetensorsFile, EveryTruncationOfAGoodFileIsRefused) {
  TempDir dir;
  std::ifstream in(reference_file().path(), std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(in), {}};
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_THROW(parse_safetensors_header(std::string_view(good).substr(0, length), "cut"),
                 InputError)
        << length;
}

TEST(SafetensorsFile, AFlippedHeaderByteIsReadOrRefusedButNeverCrashes) {
  std::ifstream in(reference_file().path(), std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const auto header_end = parse_safetensors_header(bytes, "good").data_begin;
  for (std::size_t at = 0; at < header_end; ++at)
    for (const int bit : {0, 3, 7}) {
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      try {
        parse_safetensors_header(bytes, "flipped");
      } catch (const InputError&) {
      }
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
    }
}

TEST(WriteSafetensors, WritesWhatTheFormatAsksFor) {
  TempDir dir;
  const auto path = dir.path() / "m.safetensors";
  write_safetensors(path, {{"w", at::tensor({1.0F})}});
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  // 54 bytes of JSON, padded with two spaces; 1.0f is 0x3f800000.
  const std::string header = R"({"w":{"data_offsets":[0,4],"dtype":"F32","shape":[1]}}  )";
  EXPECT_EQ(bytes, testing::length_prefix(56) + header + std::string("\x00\x00\x80\x3f", 4));
}

TEST(WriteSafetensors, RoundTripsEveryTypeBitForBit) {
  TempDir dir;
  const auto original = reference_file();
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, entry] : original.entries()) tensors[name] = original.tensor(name);
  const auto path = dir.path() / "copy.safetensors";
  write_safetensors(path, tensors, {{"format", "pt"}});
  const SafetensorsFile copy(path);
  ASSERT_EQ(copy.entries().size(), tensors.size());
  for (const auto& [name, tensor] : tensors)
    EXPECT_TRUE(at::equal(copy.tensor(name), tensor)) << name;
  EXPECT_EQ(copy.metadata().at("format"), "pt");
}

TEST(WriteSafetensors, WritesTransposedViewsInReadingOrder) {
  TempDir dir;
  const auto path = dir.path() / "m.safetensors";
  const auto view = at::arange(6, at::kFloat).view({2, 3}).t();
  write_safetensors(path, {{"w", view}});
  EXPECT_TRUE(at::equal(SafetensorsFile(path).tensor("w"), view));
}

TEST(WriteSafetensors, AlignsEveryTensorToItsElementSize) {
  TempDir dir;
  const auto path = dir.path() / "m.safetensors";
  write_safetensors(path, {{"a", at::ones({3}, at::kByte)}, {"b", at::ones({3}, at::kDouble)}});
  const SafetensorsFile file(path);
  EXPECT_EQ(file.tensor("b").data_ptr(), file.tensor("b").data_ptr()) << "a view, not a copy";
}

TEST(WriteSafetensors, LeavesNothingWhenItFails) {
  TempDir dir;
  const auto path = dir.path() / "absent" / "m.safetensors";
  EXPECT_THROW(write_safetensors(path, {{"w", at::ones({1})}}), RunError);
  EXPECT_FALSE(std::filesystem::exists(path.parent_path()));
}

}  // namespace
}  // namespace lensbench
