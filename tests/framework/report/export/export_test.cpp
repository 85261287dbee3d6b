#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <sstream>
#include <string>

#include "report/export/csv.hpp"
#include "report/export/npz.hpp"
#include "support/stored.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

namespace lensbench {
namespace {

using testing::numbers;
using testing::TempDir;
using testing::texts;

std::string csv(const Dataset& dataset, const std::string& name) {
  std::ostringstream out;
  std::int64_t most_read = 0;
  write_csv(out, testing::as_stored(dataset, most_read), name);
  return out.str();
}

TEST(WriteCsv, HasALineAnElementWithTheCoordinatesOfItsAxes) {
  Dataset dataset;
  dataset.add_coordinate("layer", at::tensor({0, 1}, at::kInt));
  dataset.add(
      numbers("loss", {"layer", "case"}, at::tensor({0.5F, 0.1F, -2.0F, 3.0F}).reshape({2, 2})));
  EXPECT_EQ(csv(dataset, "loss"), "layer,case,loss\r\n0,0,0.5\r\n0,1,0.1\r\n1,0,-2\r\n1,1,3\r\n");
}

TEST(WriteCsv, QuotesWhatWouldBreakALine) {
  // RFC 4180: fields with commas, quotes or line breaks are quoted, quotes doubled.
  Dataset dataset;
  dataset.add(texts("token", "rank", {"a,b", "say \"x\"", "two\nlines"}));
  EXPECT_EQ(csv(dataset, "token"),
            "rank,token\r\n0,\"a,b\"\r\n1,\"say \"\"x\"\"\"\r\n2,\"two\nlines\"\r\n");
}

TEST(WriteCsv, LeavesAMissingValueEmpty) {
  Dataset dataset;
  dataset.add(numbers("kl", {"case"}, at::tensor({std::nan(""), 1.0})));
  EXPECT_EQ(csv(dataset, "kl"), "case,kl\r\n0,\r\n1,1\r\n");
}

TEST(WriteCsv, WritesNumbersThatReadBackExactly) {
  const float value = 0.1F;
  Dataset dataset;
  dataset.add(numbers("p", {"case"}, at::tensor({value})));
  const std::string text = csv(dataset, "p");
  EXPECT_EQ(std::stof(text.substr(text.rfind(',') + 1)), value);
}

TEST(WriteCsv, ReadsALongVariableInBlocks) {
  Dataset dataset;
  dataset.add(numbers("wide", {"layer", "token"}, at::arange(2 * 70001, at::kInt).view({2, -1})));
  std::int64_t most_read = 0;
  std::ostringstream out;
  write_csv(out, testing::as_stored(dataset, most_read), "wide");
  EXPECT_LE(most_read, 1 << 16);
  EXPECT_THAT(out.str(), ::testing::StartsWith("layer,token,wide\r\n0,0,0\r\n0,1,1\r\n"));
  EXPECT_THAT(out.str(), ::testing::HasSubstr("0,70000,70000\r\n1,0,70001\r\n"));
  EXPECT_THAT(out.str(), ::testing::EndsWith("\r\n1,70000,140001\r\n"));
}

/// A member of a zip archive, whole.
std::string member(const std::filesystem::path& path, const char* name) {
  zip_t* archive = zip_open(path.c_str(), ZIP_RDONLY, nullptr);
  zip_stat_t stat;
  zip_stat(archive, name, 0, &stat);
  std::string bytes(stat.size, '\0');
  zip_file_t* file = zip_fopen(archive, name, 0);
  zip_fread(file, bytes.data(), bytes.size());
  zip_fclose(file);
  zip_discard(archive);
  return bytes;
}

TEST(WriteNpz, WritesTheNpyFormat) {
  // numpy.lib.format, version 1.0: magic, header length, a Python dictionary, data from a multiple
  // of 64 bytes on.
  const TempDir folder;
  write_npz(folder / "a.npz",
            {numbers("x", {"row", "column"}, at::tensor({1.0F, 2.0F}).reshape({1, 2}))});
  const std::string bytes = member(folder / "a.npz", "x.npy");
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_EQ(bytes.size(), 128U + 8U);
  EXPECT_NE(bytes.find("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }"),
            std::string::npos);
  EXPECT_EQ(bytes[127], '\n');
}

TEST(WriteNpz, WritesTextAsFixedWidthUnicode) {
  const TempDir folder;
  write_npz(folder / "a.npz", {texts("t", "row", {"\xC3\xA9", "ab"})});
  const std::string bytes = member(folder / "a.npz", "t.npy");
  EXPECT_NE(bytes.find("'descr': '<U2'"), std::string::npos);
  EXPECT_EQ(bytes.substr(128), std::string("\xE9\0\0\0\0\0\0\0a\0\0\0b\0\0\0", 16));
}

TEST(WriteNpz, DoesNotOverwrite) {
  const TempDir folder;
  const Variable x = numbers("x", {"row"}, at::tensor({1.0F}));
  write_npz(folder / "a.npz", {x});
  EXPECT_THROW(write_npz(folder / "a.npz", {x}), RunError);
}

}  // namespace
}  // namespace lensbench
