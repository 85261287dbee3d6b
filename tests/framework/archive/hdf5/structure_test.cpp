#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <array>
#include <filesystem>
#include <functional>
#include <lensbench/error.hpp>
#include <string>

#include "archive/archive_reader.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

// Files made with the plain HDF5 library, each with one thing no archive has.

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::TempDir;

/// Opens a file that `make` fills; returns what is said against it.
std::string refusal(const std::function<void(hid_t file)>& make) {
  const TempDir folder;
  const std::string path = folder / "a.h5";
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  make(file);
  H5Fclose(file);
  try {
    ArchiveReader reader{path};
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

/// A dataset `x` of the given lengths.
void add_dataset(hid_t file, const std::vector<hsize_t>& lengths, hid_t properties,
                 hid_t type = H5T_NATIVE_DOUBLE) {
  const hid_t space = H5Screate_simple(static_cast<int>(lengths.size()), lengths.data(), nullptr);
  H5Dclose(H5Dcreate2(file, "x", type, space, H5P_DEFAULT, properties, H5P_DEFAULT));
  H5Sclose(space);
}

TEST(ArchiveStructure, RefusesGroupsNestedWithoutEnd) {
  EXPECT_THAT(refusal([](hid_t file) {
                hid_t group = H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
                for (int i = 0; i < 40; ++i) {
                  const hid_t below = H5Gcreate2(group, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
                  H5Gclose(group);
                  group = below;
                }
                H5Gclose(group);
              }),
              HasSubstr("nested deeper than 16"));
}

TEST(ArchiveStructure, RefusesACycleOfHardLinks) {
  EXPECT_THAT(refusal([](hid_t file) {
                const hid_t group = H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
                H5Lcreate_hard(file, "/g", group, "again", H5P_DEFAULT, H5P_DEFAULT);
                H5Gclose(group);
              }),
              HasSubstr("an object with two names"));
}

TEST(ArchiveStructure, RefusesLinksByName) {
  EXPECT_THAT(refusal([](hid_t file) {
                H5Lcreate_soft("/somewhere", file, "x", H5P_DEFAULT, H5P_DEFAULT);
              }),
              HasSubstr("soft and external links"));
}

TEST(ArchiveStructure, RefusesDataInOtherFiles) {
  EXPECT_THAT(refusal([](hid_t file) {
                const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
                H5Pset_external(properties, "/etc/passwd", 0, 8);
                add_dataset(file, {1}, properties);
                H5Pclose(properties);
              }),
              HasSubstr("data in another file"));
}

TEST(ArchiveStructure, RefusesAFilterThatIsNotOneOfThree) {
  EXPECT_THAT(refusal([](hid_t file) {
                const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
                const std::array<hsize_t, 1> chunk{8};
                H5Pset_chunk(properties, 1, chunk.data());
                H5Pset_nbit(properties);
                add_dataset(file, {8}, properties);
                H5Pclose(properties);
              }),
              HasSubstr("filter 5"));
}

TEST(ArchiveStructure, RefusesMoreDataThanTheFileCanHold) {
  EXPECT_THAT(refusal([](hid_t file) {
                const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
                const std::array<hsize_t, 1> chunk{1024};
                H5Pset_chunk(properties, 1, chunk.data());
                add_dataset(file, {hsize_t{1} << 40}, properties);
                H5Pclose(properties);
              }),
              HasSubstr("more data than a file of its size can contain"));
}

TEST(ArchiveStructure, RefusesElementsThatAreNeitherNumbersNorText) {
  EXPECT_THAT(refusal([](hid_t file) { add_dataset(file, {1}, H5P_DEFAULT, H5T_STD_REF_OBJ); }),
              HasSubstr("neither number nor text"));
}

TEST(ArchiveStructure, RefusesAFileWithoutTheConvention) {
  EXPECT_THAT(refusal([](hid_t file) { add_dataset(file, {1}, H5P_DEFAULT); }),
              HasSubstr("not a lensbench archive"));
}

}  // namespace
}  // namespace lensbench
