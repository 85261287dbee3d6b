#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <algorithm>
#include <cstdint>
#include <lensbench/error.hpp>
#include <string>

#include "archive/archive_reader.hpp"
#include "archive/diff.hpp"
#include "archive/digest/verify.hpp"
#include "support/archives.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

// Archives of other formats than the one that is written now. tests/data/archives/format_1.h5 was
// made by a build of lensbench 1.0.0: tool logit_lens on models/kjv-gpt2 with the prompt "In the"
// and the ids 5 and 9.

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TempDir;

std::string format_1() {
  return testing::data_folder() + "/archives/format_1.h5";
}

/// A new archive whose attribute `format_version` is changed by the plain HDF5 library.
std::string of_format(const TempDir& folder, std::int64_t format) {
  const std::string path = folder / "a.h5";
  testing::write_small_archive(path, 1);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t attribute = H5Aopen(file, "format_version", H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_INT64, &format);
  H5Aclose(attribute);
  H5Fclose(file);
  return path;
}

TEST(Format, IsTwoInNewArchives) {
  const TempDir folder;
  testing::write_small_archive(folder / "a.h5", 1);
  EXPECT_EQ(ArchiveReader(folder / "a.h5").format(), 2);
}

TEST(Format, OneIsRead) {
  const ArchiveReader archive(format_1());
  EXPECT_EQ(archive.format(), 1);
  EXPECT_THAT(archive.names(), ElementsAre("logit_lens"));
  const auto cases = archive.cases();
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].text, "In the");
  EXPECT_THAT(cases[1].ids, ElementsAre(5, 9));
  const Dataset lens = archive.read("logit_lens");
  EXPECT_EQ(lens["entropy"].units, "nats");
  EXPECT_EQ(lens.dim("token"), cases[0].n_tokens + cases[1].n_tokens);
}

TEST(Format, OneIsVerified) {
  const VerifyResult result = verify_archive(format_1());
  EXPECT_TRUE(result.intact);
  EXPECT_TRUE(result.complete);
  EXPECT_THAT(result.findings, ElementsAre());
}

TEST(Format, OneEqualsItself) {
  const ArchiveReader archive(format_1());
  EXPECT_EQ(diff_archives(archive, archive).results(), Agreement::identical);
}

TEST(Format, LaterThanKnownIsRefusedWithAdvice) {
  const TempDir folder;
  const std::string path = of_format(folder, 3);
  EXPECT_THAT(message_of<InputError>([&] { ArchiveReader{path}; }),
              AllOf(HasSubstr(path), HasSubstr("format 3"), HasSubstr("update lensbench")));
  EXPECT_THROW(verify_archive(path), InputError);
}

TEST(Format, BeforeTheFirstIsDamage) {
  const TempDir folder;
  EXPECT_THAT(message_of<InputError>([&] { ArchiveReader{of_format(folder, 0)}; }),
              HasSubstr("damaged: format_version is 0"));
}

}  // namespace
}  // namespace lensbench
