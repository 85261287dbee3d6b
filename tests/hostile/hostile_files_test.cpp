#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "hostile/archives.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

// A valid archive with one hostile thing put into it by the plain HDF5 library, or no archive at
// all. Every command that reads it says one sentence, ends with 3, within seconds and without
// gigabytes.

namespace lensbench::testing {
namespace {

namespace fs = std::filesystem;
using Lengths = std::vector<hsize_t>;

hid_t chunked(hsize_t rows) {
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(properties, 1, &rows);
  return properties;
}

/// Creates `/results/lens/hostile`. \return the open dataset
hid_t create(hid_t file, const Lengths& lengths, hid_t properties = H5P_DEFAULT,
             hid_t type = H5T_IEEE_F32LE) {
  const hid_t space = H5Screate_simple(static_cast<int>(lengths.size()), lengths.data(), nullptr);
  const hid_t dataset =
      H5Dcreate2(file, "/results/lens/hostile", type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  EXPECT_GE(dataset, 0);
  H5Sclose(space);
  return dataset;
}

void add_external_storage(hid_t file) {
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(properties, "/etc/passwd", 0, 64);
  H5Dclose(create(file, {64}, properties, H5T_STD_U8LE));
}

constexpr H5Z_filter_t kForeignFilter = 32100;

std::size_t pass_through(unsigned, std::size_t, const unsigned[], std::size_t bytes, std::size_t*,
                         void**) {
  return bytes;
}

void add_foreign_filter(hid_t file) {
  const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, kForeignFilter, 1,       1,
                               "told",           nullptr,        nullptr, pass_through};
  H5Zregister(&filter);
  const hid_t properties = chunked(16);
  H5Pset_filter(properties, kForeignFilter, H5Z_FLAG_MANDATORY, 0, nullptr);
  const hid_t dataset = create(file, {16}, properties);
  const std::array<float, 16> zeros{};
  H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros.data());
  H5Dclose(dataset);
}

void add_hard_link_cycle(hid_t file) {
  H5Lcreate_hard(file, "/results", file, "/results/lens/hostile", H5P_DEFAULT, H5P_DEFAULT);
}
void add_second_name(hid_t file) {
  H5Lcreate_hard(file, "/results/lens/entropy", file, "/results/lens/hostile", H5P_DEFAULT,
                 H5P_DEFAULT);
}
void add_soft_link_cycle(hid_t file) {
  H5Lcreate_soft("/results/lens/hostile", file, "/results/lens/hostile", H5P_DEFAULT, H5P_DEFAULT);
}
void add_soft_link(hid_t file) {
  H5Lcreate_soft("/results/lens/entropy", file, "/results/lens/hostile", H5P_DEFAULT, H5P_DEFAULT);
}
void add_external_link(hid_t file) {
  H5Lcreate_external("/etc/passwd", "/", file, "/results/lens/hostile", H5P_DEFAULT, H5P_DEFAULT);
}

void add_virtual_dataset(hid_t file) {
  const hsize_t length = 8;
  const hid_t space = H5Screate_simple(1, &length, nullptr);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_virtual(properties, space, "/etc/other.h5", "/secret", space);
  H5Dclose(create(file, {8}, properties));
}

void add_shape_bomb(hid_t file) {
  H5Dclose(create(file, {hsize_t{1} << 38}, chunked(1024)));
}
void add_overflowing_shape(hid_t file) {
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  const std::array<hsize_t, 3> chunk{8, 8, 8};
  H5Pset_chunk(properties, 3, chunk.data());
  // 2^64 + 4 elements, should the product wrap.
  H5Dclose(create(file, {4194305, 4194305, 1048576}, properties));
}
void add_large_chunk(hid_t file) {
  H5Dclose(create(file, {1 << 25}, chunked(1 << 25)));
}

void add_deflate_bomb(hid_t file) {
  constexpr hsize_t kRows = 1 << 22, kChunks = 64;  // chunks of 16 MiB: 1 GiB of zeros in 1 MiB
  const hid_t properties = chunked(kRows);
  H5Pset_deflate(properties, 9);
  const hid_t dataset = create(file, {kRows * kChunks}, properties);
  const hid_t space = H5Dget_space(dataset), memory = H5Screate_simple(1, &kRows, nullptr);
  const std::vector<float> zeros(kRows);
  // The first one is packed by the library, the others are copies of it.
  hsize_t at = 0, bytes = 0;
  H5Sselect_hyperslab(space, H5S_SELECT_SET, &at, nullptr, &kRows, nullptr);
  H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, zeros.data());
  H5Fflush(file, H5F_SCOPE_LOCAL);
  H5Dget_chunk_storage_size(dataset, &at, &bytes);
  std::vector<char> packed(bytes);
  std::uint32_t mask = 0;
  H5Dread_chunk(dataset, H5P_DEFAULT, &at, &mask, packed.data());
  for (hsize_t i = 1; i < kChunks; ++i) {
    at = i * kRows;
    H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, &at, packed.size(), packed.data());
  }
  H5Dclose(dataset);
}

void add_deep_groups(hid_t file) {
  hid_t group = H5Gopen2(file, "/results/lens", H5P_DEFAULT);
  for (int i = 0; i < 20'000; ++i) {
    const hid_t below = H5Gcreate2(group, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
    group = below;
  }
  H5Gclose(group);
}

hid_t text_type() {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

/// 64 Ki elements that are all the same text of 1 MiB: 64 GiB in 2 MiB.
void add_text_bomb(hid_t file) {
  constexpr hsize_t kRows = 1 << 16;
  const hid_t dataset = create(file, {kRows}, chunked(kRows), text_type());
  const std::string text(1 << 20, 'x');
  const char* first = text.c_str();
  const hsize_t at = 0, one = 1;
  const hid_t space = H5Dget_space(dataset), memory = H5Screate_simple(1, &one, nullptr);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, &at, nullptr, &one, nullptr);
  H5Dwrite(dataset, text_type(), memory, space, H5P_DEFAULT, &first);
  H5Fflush(file, H5F_SCOPE_LOCAL);
  std::vector<char> chunk(16 * kRows);  // length, address, index
  std::uint32_t mask = 0;
  H5Dread_chunk(dataset, H5P_DEFAULT, &at, &mask, chunk.data());
  for (hsize_t i = 1; i < kRows; ++i)
    std::copy_n(chunk.begin(), 16, chunk.begin() + static_cast<std::ptrdiff_t>(16 * i));
  H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, &at, chunk.size(), chunk.data());
  H5DSset_scale(dataset, "hostile");  // so that nothing but its size is wrong with it
  H5Dclose(dataset);
}

void add_named_type(hid_t file) {
  const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  H5Tcommit2(file, "/results/lens/hostile", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
}
void add_fixed_text(hid_t file) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 8);
  H5Dclose(create(file, {2}, H5P_DEFAULT, type));
}
/// A text that was never written, which readers show as NULL.
void add_null_text(hid_t file) {
  H5Dclose(create(file, {}, H5P_DEFAULT, text_type()));
}
void add_compound(hid_t file) {
  const hid_t type = H5Tcreate(H5T_COMPOUND, 8);
  H5Tinsert(type, "a", 0, H5T_STD_I32LE);
  H5Dclose(create(file, {2}, H5P_DEFAULT, type));
}
void add_references(hid_t file) {
  H5Dclose(create(file, {2}, H5P_DEFAULT, H5T_STD_REF_OBJ));
}
void add_half_floats(hid_t file) {
  const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(type, 15, 10, 5, 0, 10);
  H5Tset_size(type, 2);
  H5Dclose(create(file, {2}, H5P_DEFAULT, type));
}
void add_nine_axes(hid_t file) {
  H5Dclose(create(file, Lengths(9, 1)));
}
void add_null_space(hid_t file) {
  H5Dclose(H5Dcreate2(file, "/results/lens/hostile", H5T_IEEE_F32LE, H5Screate(H5S_NULL),
                      H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}
void add_unlabelled_axis(hid_t file) {
  H5Dclose(create(file, {2}));
}

void add_attribute(hid_t file, hid_t type, hid_t space) {
  const hid_t group = H5Gopen2(file, "/results/lens", H5P_DEFAULT);
  EXPECT_GE(H5Acreate2(group, "hostile", type, space, H5P_DEFAULT, H5P_DEFAULT), 0);
}
void add_list_attribute(hid_t file) {
  const hsize_t n = 1000;
  add_attribute(file, H5T_IEEE_F64LE, H5Screate_simple(1, &n, nullptr));
}
void add_compound_attribute(hid_t file) {
  const hid_t type = H5Tcreate(H5T_COMPOUND, 8);
  H5Tinsert(type, "a", 0, H5T_STD_I32LE);
  add_attribute(file, type, H5Screate(H5S_SCALAR));
}
void put_dataset_for_group(hid_t file) {
  H5Ldelete(file, "/results", H5P_DEFAULT);
  const hid_t space = H5Screate(H5S_SCALAR);
  H5Dcreate2(file, "/results", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
}
void remove_convention(hid_t file) {
  H5Adelete(file, "Conventions");
}

struct Hostile {
  const char* name;
  void (*put)(hid_t file);
};

void make(const fs::path& path, void (*put)(hid_t)) {
  write_small_archive_apart(path);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  ASSERT_GE(file, 0);
  put(file);
  H5Fclose(file);
}

void expect_refusal(const Outcome& outcome, const std::string& command) {
  EXPECT_EQ(outcome.exit_code, 3) << command << ": " << outcome.out << outcome.err;
  EXPECT_EQ(outcome.out, "") << command;
  EXPECT_THAT(outcome.err, ::testing::StartsWith("lensbench: ")) << command;
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << command << ": " << outcome.err;
}

void expect_refusal_by_all(const std::string& path, const TempDir& folder) {
  for (const std::string command : {"show", "replay"})
    expect_refusal(run_here({command, path}), command);
  expect_refusal(run_here({"export", path, "lens/entropy", "--out", folder / "x.json"}), "export");
  expect_refusal(run_here({"diff", path, folder / "good.h5"}), "diff");
  expect_refusal(run_here({"diff", folder / "good.h5", path}), "diff");
  EXPECT_FALSE(fs::exists(folder / "x.json"));
}

constexpr double kMostSeconds = 20;   // on a machine that does other things as well
constexpr long kMostKiB = 1'500'000;  // libtorch's own 250 MiB, and what one reader may take

void expect_cheap(const Measured& measured) {
  EXPECT_LT(measured.seconds, kMostSeconds);
  EXPECT_LT(measured.peak_kib, kMostKiB);
}

class HostileFile : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileFile, IsRefusedByEveryCommand) {
  const TempDir folder;
  const std::string path = folder / "hostile.h5";
  make(path, GetParam().put);
  write_small_archive_apart(folder / "good.h5");
  const Measured verified = run_measured({build_folder() + "/bin/lensbench", "verify", path});
  expect_refusal(verified.outcome, "verify");
  expect_cheap(verified);
  expect_refusal_by_all(path, folder);
}

constexpr Hostile kFiles[] = {{"external_storage", add_external_storage},
                              {"foreign_filter", add_foreign_filter},
                              {"hard_link_cycle", add_hard_link_cycle},
                              {"second_name", add_second_name},
                              {"soft_link_cycle", add_soft_link_cycle},
                              {"soft_link", add_soft_link},
                              {"external_link", add_external_link},
                              {"virtual_dataset", add_virtual_dataset},
                              {"shape_bomb", add_shape_bomb},
                              {"overflowing_shape", add_overflowing_shape},
                              {"large_chunk", add_large_chunk},
                              {"deflate_bomb", add_deflate_bomb},
                              {"deep_groups", add_deep_groups},
                              {"text_bomb", add_text_bomb},
                              {"named_type", add_named_type},
                              {"fixed_text", add_fixed_text},
                              {"null_text", add_null_text},
                              {"compound", add_compound},
                              {"references", add_references},
                              {"half_floats", add_half_floats},
                              {"nine_axes", add_nine_axes},
                              {"null_space", add_null_space},
                              {"unlabelled_axis", add_unlabelled_axis},
                              {"list_attribute", add_list_attribute},
                              {"compound_attribute", add_compound_attribute},
                              {"dataset_for_group", put_dataset_for_group},
                              {"no_convention", remove_convention}};
INSTANTIATE_TEST_SUITE_P(All, HostileFile, ::testing::ValuesIn(kFiles),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(HostileFilter, IsNeverLoaded) {
  const TempDir folder;
  make(folder / "hostile.h5", add_foreign_filter);
  setenv("HDF5_PLUGIN_PATH", (build_folder() + "/lib/fixtures").c_str(), 1);
  setenv("LENSBENCH_FILTER_MARKER", (folder / "loaded").c_str(), 1);
  for (const std::string command : {"verify", "show"}) {
    const Measured read =
        run_measured({build_folder() + "/bin/lensbench", command, folder / "hostile.h5"});
    expect_refusal(read.outcome, command);
  }
  EXPECT_FALSE(fs::exists(folder / "loaded"));
  // The file works as intended: a program without these protections loads the filter.
  run_measured({"/usr/bin/h5dump", folder / "hostile.h5"});
  if (fs::exists("/usr/bin/h5dump")) {
    EXPECT_TRUE(fs::exists(folder / "loaded"));
  }
  unsetenv("HDF5_PLUGIN_PATH");
  unsetenv("LENSBENCH_FILTER_MARKER");
}

TEST(NoArchive, IsToldWhateverItIs) {
  const TempDir folder;
  write_small_archive_apart(folder / "good.h5");
  folder.write("empty", "");
  folder.write("text", "not an archive\n");
  folder.write("cut", slurp(folder / "good.h5").substr(0, 20'000));
  fs::create_directory(folder / "folder");
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  fs::create_symlink("loop", folder / "loop");
  fs::create_symlink("nowhere", folder / "dangling");
  const std::vector<std::string> paths = {folder / "empty",    folder / "text", folder / "cut",
                                          folder / "folder",   folder / "pipe", folder / "loop",
                                          folder / "dangling", folder / "none", "/dev/zero",
                                          "/dev/null",         "/etc/passwd"};
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    expect_refusal(run_here({"verify", path}), "verify");
    expect_refusal_by_all(path, folder);
  }
}

TEST(Versions, LeavesOutWhatItCannotReadAndShowsTheRest) {
  const TempDir folder;
  write_small_archive_apart(folder / "good.h5");
  make(folder / "cycle.h5", add_hard_link_cycle);
  make(folder / "deep.h5", add_deep_groups);
  ASSERT_EQ(mkfifo((folder / "pipe.h5").c_str(), 0600), 0);
  const Outcome outcome = run_here({"versions", "look", "--dir", folder.path()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, ::testing::HasSubstr("good.h5"));
  for (const std::string name : {"cycle.h5", "deep.h5", "pipe.h5"})
    EXPECT_THAT(outcome.err, ::testing::HasSubstr(name));
}

}  // namespace
}  // namespace lensbench::testing
